// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds what should take a second.
const patience = 2 * time.Minute

// code WANT program [args...]: runs the program, which must end with that exit code. Its output goes
// to the files out and err.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code WANT program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	finish(ts, want, command(ctx, ts, args[1:]).Run())
}

// interrupt [-HUP] WANT FILE WORD program [args...]: runs the program, sends SIGTERM when FILE holds WORD, and
// checks its exit code and that its process group is empty.
func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	sig := syscall.SIGTERM
	if len(args) > 0 && args[0] == "-HUP" {
		sig, args = syscall.SIGHUP, args[1:]
	}
	if neg || len(args) < 4 {
		ts.Fatalf("usage: interrupt [-HUP] WANT FILE WORD program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := command(ctx, ts, args[3:])
	ts.Check(cmd.Start())
	holds := func() bool {
		text, err := os.ReadFile(ts.MkAbs(args[1]))
		return err == nil && bytes.Contains(text, []byte(args[2]))
	}
	if !await(ctx, holds) {
		_ = cmd.Process.Kill()
		ts.Fatalf("%s never held %q", args[1], args[2])
	}
	children := childrenOf(cmd.Process.Pid)
	if len(children) == 0 {
		ts.Fatalf("no worker beside pid %d", cmd.Process.Pid)
	}
	ts.Check(cmd.Process.Signal(sig))
	finish(ts, want, cmd.Wait())
	for _, child := range children {
		if alive(child) {
			ts.Fatalf("worker %d outlives its parent", child)
		}
	}
}

func command(ctx context.Context, ts *testscript.TestScript, args []string) *exec.Cmd {
	program, err := exec.LookPath(install.program)
	ts.Check(err)
	if args[0] != "mlperf-ssd" {
		ts.Fatalf("%s: only mlperf-ssd can be run", args[0])
	}
	cmd := exec.CommandContext(ctx, program, args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = cleanEnvironment()
	cmd.Stdout, err = os.Create(ts.MkAbs("out"))
	ts.Check(err)
	cmd.Stderr, err = os.Create(ts.MkAbs("err"))
	ts.Check(err)
	return cmd
}

// cleanEnvironment lacks the shell variables that the program would read.
func cleanEnvironment() []string {
	return []string{"HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir()}
}

// alive is whether the process runs; one that ended and waits for its parent does not.
func alive(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err == nil && !bytes.Contains(status, []byte("State:\tZ"))
}

func finish(ts *testscript.TestScript, want int, err error) {
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	ts.Logf("[exit code %d]\n%s%s", got, ts.ReadFile("out"), ts.ReadFile("err"))
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func await(ctx context.Context, done func() bool) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}
