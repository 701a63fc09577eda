// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/urfave/cli/v2"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"mlperf-ssd/orchestrator/internal/binding"
	"mlperf-ssd/orchestrator/internal/discover"
	"mlperf-ssd/orchestrator/internal/exit"
)

// bindCommand is what launch starts a worker through: it binds itself and becomes the worker, so that
// the Go runtime and OpenMP see their processors from the start.
func bindCommand() *cli.Command {
	return &cli.Command{
		Name:      "bind",
		Usage:     "run a program on some processors and memory nodes alone",
		ArgsUsage: "-- PROGRAM [ARGUMENT...]",
		Description: "Example: mlperf-ssd bind --cpus=0-7 --memory=0 -- mlperf-ssd bench train\n" +
			"What the kernel refuses is a warning: the program runs unbound.",
		Hidden: true,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "cpus", Usage: "list of processors, as 0-7,64-71"},
			&cli.StringFlag{Name: "memory", Usage: "list of NUMA nodes to take memory from"},
			&cli.BoolFlag{Name: "die-with-parent", Usage: "be killed when what has started this ends"},
		},
		Action: runBind,
	}
}

func runBind(c *cli.Context) error {
	if !c.Args().Present() {
		return usageError(errors.New("bind: name the program to run"))
	}
	var sets [2]discover.CPUSet
	for i, name := range []string{"cpus", "memory"} {
		set, err := discover.ParseCPUSet(c.String(name))
		if err != nil {
			return usageError(fmt.Errorf("bind: --%s: %w", name, err))
		}
		sets[i] = set
	}
	program, err := exec.LookPath(c.Args().First())
	if err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	signal.Reset(append(exit.Demands(), os.Interrupt)...) // one that came between would be lost with this program
	if err := c.Context.Err(); err != nil {
		return err
	}
	runtime.LockOSThread() // exec keeps the binding, and the death signal, of the thread that calls it
	if c.Bool("die-with-parent") {
		if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
			return fmt.Errorf("bind: --die-with-parent: %w", err)
		}
	}
	if err := binding.Apply(sets[0], sets[1]); err != nil {
		newLogger().Warn("going on unbound", zap.Error(err))
	}
	if err := syscall.Exec(program, c.Args().Slice(), os.Environ()); err != nil {
		return fmt.Errorf("bind: %s: %w", program, err)
	}
	return nil
}
