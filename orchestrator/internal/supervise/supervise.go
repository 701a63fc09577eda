// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package supervise runs workers as child processes: what they are to do goes in on standard input,
// their log comes out untouched, progress on a pipe of its own, error text with the rank in front. A
// child dies with its parent.
package supervise

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"mlperf-ssd/orchestrator/internal/lines"
)

// ProgressFD is the descriptor on which a worker writes its progress, a JSON object a line.
const ProgressFD = 3

// Child describes a worker to run.
type Child struct {
	Rank     int
	Path     string        // of the program
	Args     []string      // without the program's name
	Env      []string      // NAME=value, beside those of this process
	Input    []byte        // on standard input
	Grace    time.Duration // from being asked to stop to being killed
	Stdout   io.Writer
	Stderr   io.Writer
	Progress func(json.RawMessage) // called from one goroutine; nil = no ProgressFD
}

// ExitError is a worker that ended badly.
type ExitError struct {
	Rank   int
	Code   int            // exit code, or -1 if a signal ended it
	Signal syscall.Signal // or 0
	Late   bool           // it was asked to stop, did not, and was killed
	Others bool           // it may have been ended for another's failure
	Crash  string         // what its run-time library said of it, if it died by a crash
}

func (e *ExitError) Error() string { return fmt.Sprintf("worker of rank %d %s", e.Rank, e.How()) }

// How is the end without the rank.
func (e *ExitError) How() string {
	switch {
	case e.Late:
		return "did not stop in time and was killed"
	case e.Signal == syscall.SIGKILL:
		return fmt.Sprintf("was killed (%v): out of memory?", e.Signal)
	case e.Signal != 0:
		return fmt.Sprintf("died (%v)", e.Signal)
	case e.Crash != "":
		return fmt.Sprintf("ended with exit code %d (%s)", e.Code, e.Crash)
	default:
		return fmt.Sprintf("ended with exit code %d", e.Code)
	}
}

// Run runs the child until it ends. When the context ends the child is asked to stop by SIGTERM, and
// killed if it does not within Grace.
func Run(ctx context.Context, c Child) error {
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Stdout = c.Stdout
	prefixed := newPrefixWriter(c.Stderr, fmt.Sprintf("%d: ", c.Rank))
	cmd.Stderr = prefixed
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	progress := func() {}
	if c.Progress != nil {
		reader, writer, err := os.Pipe()
		if err != nil {
			return fmt.Errorf("worker: %w", err)
		}
		defer reader.Close()
		defer writer.Close()
		cmd.ExtraFiles = []*os.File{writer} // becomes ProgressFD
		progress = func() {
			writer.Close() // the child has it
			readProgress(reader, c.Progress)
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = c.Grace
	if len(c.Env) > 0 {
		cmd.Env = append(os.Environ(), c.Env...)
	}

	// Pdeathsig fires when the thread that started the child ends, so that thread must stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("worker: start: %w", err)
	}
	var readers sync.WaitGroup
	readers.Go(progress)
	_, writeErr := stdin.Write(c.Input)
	closeErr := stdin.Close()
	err = cmd.Wait()
	readers.Wait()
	_ = prefixed.Flush() // the child is gone: nobody is left to tell
	if err != nil {
		return exitError(ctx, c.Rank, err, prefixed.crash)
	}
	return errors.Join(writeErr, closeErr)
}

func exitError(ctx context.Context, rank int, err error, crash string) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("worker of rank %d: %w", rank, err)
	}
	failure := &ExitError{Rank: rank, Code: exit.ExitCode(), Crash: crash}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		failure.Signal = status.Signal()
		failure.Late = ctx.Err() != nil && failure.Signal == syscall.SIGKILL
	}
	return failure
}

func readProgress(r io.Reader, f func(json.RawMessage)) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		f(json.RawMessage(append([]byte(nil), lines.Bytes()...)))
	}
	_, _ = io.Copy(io.Discard, r) // behind a line too long, so that the child does not wait
}

// prefixWriter puts a prefix before each line and writes lines whole. It keeps the first line with which
// a run-time library reports a crash.
type prefixWriter struct {
	lines.Writer
	out    io.Writer
	prefix string
	crash  string
}

func newPrefixWriter(out io.Writer, prefix string) *prefixWriter {
	p := &prefixWriter{out: out, prefix: prefix}
	p.Each = p.line
	return p
}

func (p *prefixWriter) line(text []byte) error {
	if line := strings.TrimSpace(string(text)); p.crash == "" && IsCrash(line) {
		p.crash = line
	}
	_, err := p.out.Write(append([]byte(p.prefix), text...))
	return err
}

// IsCrash knows the lines with which Go and C++ report a crash; Go takes a signal of C code for its own.
func IsCrash(line string) bool {
	return slices.ContainsFunc([]string{"SIG", "panic: ", "fatal error: ", "terminate called "}, func(start string) bool {
		return strings.HasPrefix(line, start)
	})
}
