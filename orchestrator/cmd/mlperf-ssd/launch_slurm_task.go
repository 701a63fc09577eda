// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/urfave/cli/v2"
	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/binding"
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
		Flags:     []cli.Flag{&cli.BoolFlag{Name: "gpus", Usage: "each rank has a GPU of the node"}},
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
			args, env := bound(c.Context, self, task, c.Bool("gpus"), c.Args().Slice())
			signal.Reset(os.Interrupt, syscall.SIGTERM) // one that came between would be lost with this program
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

// bound are the arguments and variables with which a worker runs on its part of the node. Where that
// cannot be planned the ranks divide the processors.
func bound(ctx context.Context, self string, task *slurm.Task, gpus bool, worker []string) (args, env []string) {
	host := takeInventory(ctx, "")
	plan, err := binding.Plan(host, task.LocalWorld, binding.Options{GPUs: gpus && len(host.GPUs) > 0})
	if err != nil {
		if task.LocalRank == 0 {
			newLogger().Warn("ranks run unbound", zap.Error(err))
		}
		return append(worker, "--share="+strconv.Itoa(task.LocalWorld)), nil
	}
	if task.LocalRank == 0 {
		for _, warning := range plan.Warnings {
			newLogger().Warn(warning)
		}
	}
	rank := plan.Ranks[task.LocalRank]
	return rank.Args(self, worker...), rank.Environment(os.LookupEnv)
}
