// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"io"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"mlperf-ssd/orchestrator/internal/lines"
)

// TaskEnd is what srun says of a task that ended badly.
type TaskEnd struct {
	Rank     int
	Host     string
	Code     int            // or -1 if a signal ended it
	Signal   syscall.Signal // or 0
	Crash    string         // the first line with which it reported a crash
	Doubtful bool           // it was killed or stopped after another had ended: srun does that to the rest
}

// endWatch passes srun's words on and tells which tasks have ended badly, and how.
type endWatch struct {
	out     io.Writer // nil = nowhere
	tell    func(TaskEnd)
	isCrash func(line string) bool
	end     *regexp.Regexp
	said    *regexp.Regexp
	lines   lines.Writer
	told    bool
	crashes map[int]string
}

func newEndWatch(out io.Writer, isCrash func(string) bool, tell func(TaskEnd)) *endWatch {
	w := &endWatch{out: out, tell: tell, isCrash: isCrash, crashes: map[int]string{},
		end:  regexp.MustCompile(`^srun: error: (\S+): tasks? ([0-9,-]+): (.*)$`),
		said: regexp.MustCompile(`^ *(\d+): (.+)$`)}
	w.lines.Each = w.line
	return w
}

func (w *endWatch) Write(text []byte) (int, error) {
	if n, err := w.lines.Write(text); err != nil || w.out == nil {
		return n, err
	}
	return w.out.Write(text)
}

func (w *endWatch) line(text []byte) error {
	line := strings.TrimSuffix(string(text), "\n")
	if m := w.end.FindStringSubmatch(line); m != nil {
		w.ended(m[1], m[2], m[3])
	} else if m := w.said.FindStringSubmatch(line); m != nil && w.isCrash(m[2]) {
		if rank, err := strconv.Atoi(m[1]); err == nil && w.crashes[rank] == "" {
			w.crashes[rank] = strings.TrimSpace(m[2])
		}
	}
	return nil
}

func (w *endWatch) ended(host, list, how string) {
	ranks, err := expandRanges(list)
	if err != nil {
		return
	}
	code, signal := endOf(how)
	stopped := signal == syscall.SIGTERM || signal == syscall.SIGKILL || code == 128+int(syscall.SIGINT) || code == 128+int(syscall.SIGTERM)
	if code == 0 {
		return
	}
	doubtful := stopped && w.told
	w.told = true
	for _, text := range ranks {
		if rank, err := strconv.Atoi(text); err == nil {
			w.tell(TaskEnd{rank, host, code, signal, w.crashes[rank], doubtful})
		}
	}
}

// endOf reads srun's words for an end: a code, or the C library's name of a signal. Code 0 is an end
// that is not known.
func endOf(how string) (int, syscall.Signal) {
	if text, found := strings.CutPrefix(how, "Exited with exit code "); found {
		if code, err := strconv.Atoi(text); err == nil {
			return code, 0
		}
		return 0, 0
	}
	name := strings.ToLower(strings.TrimSuffix(how, " (core dumped)"))
	if name == "out of memory" {
		return -1, syscall.SIGKILL
	}
	for signal := syscall.Signal(1); signal < 32; signal++ {
		if signal.String() == name {
			return -1, signal
		}
	}
	return 0, 0
}
