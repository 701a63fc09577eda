// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/binding"
	"mlperf-ssd/orchestrator/internal/crew"
	"mlperf-ssd/orchestrator/internal/exit"
	"mlperf-ssd/orchestrator/internal/slurm"
)

// taskCommand is what srun starts once a rank: it looks at its node, binds itself to its part of it, and
// becomes the worker.
func taskCommand() *cli.Command {
	return &cli.Command{
		Name:      "task",
		Usage:     "bind this task of an srun and run a verb in it, started by `launch`",
		ArgsUsage: "-- VERB [ARGUMENT...]",
		Hidden:    true,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "gpus", Usage: "each rank has a GPU of the node"},
			&cli.StringFlag{Name: "cpu", Usage: "as of nodes, like the next two"},
			&cli.StringFlag{Name: "memory"},
			&cli.StringFlag{Name: "network"},
		},
		Action: func(c *cli.Context) error {
			_, task, err := slurm.Discover(os.LookupEnv)
			if err == nil && task == nil {
				err = usageError(errors.New("task: this is no task of an srun: `mlperf-ssd launch` starts it"))
			}
			if err != nil {
				return err
			}
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("task: %w", err)
			}
			options := binding.Options{CPU: c.String("cpu"), Memory: c.String("memory"), Network: c.String("network"), GPUs: c.Bool("gpus")}
			args, env, err := crew.Bound(c.Context, self, task, options, c.Args().Slice(), newLogger())
			if err != nil {
				return fmt.Errorf("task: %w", err)
			}
			signal.Reset(append(exit.Demands(), os.Interrupt)...) // one that came between would be lost with this program
			if err := c.Context.Err(); err != nil {
				return err
			}
			if err := syscall.Exec(self, append([]string{self}, args...), append(os.Environ(), env...)); err != nil {
				return fmt.Errorf("task: %w", err)
			}
			return nil
		},
	}
}
