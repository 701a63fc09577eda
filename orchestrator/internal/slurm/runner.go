// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Command is a program to run, found on PATH.
type Command struct {
	Name   string
	Args   []string
	Env    []string // added to the process's own, NAME=VALUE
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Grace  time.Duration // from SIGTERM, when the context ends, to SIGKILL
}

// Runner runs commands to their end. A command that ended badly is an *ExitError.
type Runner interface {
	Run(ctx context.Context, c Command) error
}

// ExitError is a command that ended badly. srun gives 128 + n where signal n ended a task, 137 too
// where it killed the others after one task failed.
type ExitError struct {
	Command string
	Code    int    // -1 if a signal ended the command itself
	Stderr  string // its end
}

func (e *ExitError) Error() string {
	text := fmt.Sprintf("%s: exit code %d", e.Command, e.Code)
	if e.Stderr != "" {
		text += ": " + e.Stderr
	}
	return text
}

// Exec runs real commands, each in a process group of its own so that Ctrl-C at the terminal reaches
// only this program. A command dies with this program.
type Exec struct{}

// Run implements Runner.
func (Exec) Run(ctx context.Context, c Command) error {
	cmd := exec.CommandContext(ctx, c.Name, c.Args...)
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Stdin, cmd.Stdout = c.Stdin, c.Stdout
	last := &tail{out: c.Stderr}
	cmd.Stderr = last
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = max(c.Grace, time.Second)
	runtime.LockOSThread() // Pdeathsig fires when the thread that started the command ends
	defer runtime.UnlockOSThread()
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return &ExitError{Command: c.Name, Code: exit.ExitCode(), Stderr: last.text()}
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("slurm: %s is not there: is this a node of a Slurm cluster? (%w)", c.Name, err)
	case err != nil:
		return fmt.Errorf("slurm: %s: %w", c.Name, err)
	}
	return nil
}

// output runs a command and gives what it printed on standard output, without white space around it.
func output(ctx context.Context, r Runner, name string, args ...string) (string, error) {
	var out bytes.Buffer
	err := r.Run(ctx, Command{Name: name, Args: args, Stdout: &out})
	return strings.TrimSpace(out.String()), err
}

// tail passes text on and keeps its end.
type tail struct {
	out  io.Writer // nil = nowhere
	kept []byte
}

func (t *tail) Write(text []byte) (int, error) {
	const most = 4096
	t.kept = append(t.kept, text...)
	if extra := len(t.kept) - most; extra > 0 {
		t.kept = t.kept[extra:]
	}
	if t.out == nil {
		return len(text), nil
	}
	return t.out.Write(text)
}

func (t *tail) text() string { return strings.TrimSpace(string(t.kept)) }
