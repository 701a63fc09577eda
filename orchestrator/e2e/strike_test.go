// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// strike WANT FILE WORD SIGNAL WHOM program [args...]: runs the program, sends the signal when FILE
// holds WORD, to the worker of a rank or to "launch", and checks the exit code and that no worker
// outlives the program.
func strike(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 6 {
		ts.Fatalf("usage: strike WANT FILE WORD SIGNAL WHOM program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	signal := unix.SignalNum("SIG" + args[3])
	if signal == 0 {
		ts.Fatalf("%s is no signal", args[3])
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := command(ctx, ts, args[5:])
	ts.Check(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	holds := func() bool {
		text, err := os.ReadFile(ts.MkAbs(args[1]))
		return err == nil && bytes.Contains(text, []byte(args[2]))
	}
	if !await(ctx, func() bool { return holds() || len(ended) > 0 }) || !holds() {
		cancel()
		ts.Logf("it ended: %v\n%s", <-ended, ts.ReadFile("err"))
		ts.Fatalf("%s never held %q", args[1], args[2])
	}
	workers := childrenOf(cmd.Process.Pid)
	pid := cmd.Process.Pid
	if args[4] != "launch" {
		pid = workerOf(ts, workers, args[4])
	}
	ts.Check(unix.Kill(pid, signal))
	finish(ts, want, <-ended)
	if i := slices.IndexFunc(workers, alive); i >= 0 {
		ts.Fatalf("worker %d outlives its parent", workers[i])
	}
}

// workerOf finds the worker of a rank.
func workerOf(ts *testscript.TestScript, workers []int, rank string) int {
	for _, pid := range workers {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // it may be gone
		if slices.Contains(strings.Split(string(text), "\x00"), "--rank="+rank) {
			return pid
		}
	}
	ts.Fatalf("no worker of rank %s among %v", rank, workers)
	return 0
}
