// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"bytes"
	"io"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// TaskEnd is what srun says of a task that ended badly.
type TaskEnd struct {
	Rank   int
	Host   string
	Code   int            // or -1 if a signal ended it
	Signal syscall.Signal // or 0
}

// endWatch passes srun's words on and tells which tasks have ended badly, and how. Tasks that were
// killed or stopped count only as long as no other has ended: srun does that to the rest.
type endWatch struct {
	out     io.Writer // nil = nowhere
	tell    func(TaskEnd)
	pattern *regexp.Regexp
	partial []byte
	told    bool
}

func newEndWatch(out io.Writer, tell func(TaskEnd)) *endWatch {
	return &endWatch{out: out, tell: tell, pattern: regexp.MustCompile(`^srun: error: (\S+): tasks? ([0-9,-]+): (.*)$`)}
}

func (w *endWatch) Write(text []byte) (int, error) {
	w.partial = append(w.partial, text...)
	for {
		line, rest, found := bytes.Cut(w.partial, []byte("\n"))
		if !found {
			break
		}
		if m := w.pattern.FindSubmatch(line); m != nil {
			w.ended(string(m[1]), string(m[2]), string(m[3]))
		}
		w.partial = rest
	}
	if w.out == nil {
		return len(text), nil
	}
	return w.out.Write(text)
}

func (w *endWatch) ended(host, list, how string) {
	ranks, err := expandRanges(list)
	if err != nil {
		return
	}
	code, signal := endOf(how)
	stopped := signal == syscall.SIGTERM || signal == syscall.SIGKILL || code == 128+int(syscall.SIGINT) || code == 128+int(syscall.SIGTERM)
	if code == 0 || stopped && w.told {
		return
	}
	w.told = true
	for _, text := range ranks {
		if rank, err := strconv.Atoi(text); err == nil {
			w.tell(TaskEnd{rank, host, code, signal})
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
