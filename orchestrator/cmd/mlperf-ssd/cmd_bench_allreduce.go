// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/crew"
	"mlperf-ssd/orchestrator/internal/health"
	"mlperf-ssd/orchestrator/internal/job"
	"mlperf-ssd/orchestrator/internal/launch"
)

func benchAllreduce() *cli.Command {
	preset := job.NewAllreduce()
	return &cli.Command{
		Name:  "allreduce",
		Usage: "sums over all ranks: times, values, and what is slow",
		Description: "Starts ranks as launch does: --nproc N on this machine, or all of a Slurm job inside one. Each rank\n" +
			"also times its own additions and its transfers with its two neighbours, which tell who is slow.\n" +
			"Exit code 1 if a value is wrong, or if something is slow and cluster.allreduce_slow is fail.\n" +
			"Example: mlperf-ssd bench allreduce --nproc 4",
		Flags: append(configFlags(),
			&cli.IntFlag{Name: "nproc", Usage: "`N` ranks on this machine (default: cluster.gpus_per_node)"},
			&cli.Int64SliceFlag{Name: "bytes", Value: cli.NewInt64Slice(preset.Bytes...), Usage: "of a sum; several times for several sizes"},
			&cli.Int64Flag{Name: "iterations", Value: preset.Iterations, Usage: "that are timed"},
			&cli.Int64Flag{Name: "warmup", Value: preset.Warmup, Usage: "iterations before"},
			&cli.Float64Flag{Name: "factor", Value: health.DefaultFactor, Usage: "this many medians count as slow"},
			jsonFlag(),
			engineFlag()),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			test, err := allreduceTestOf(c)
			if err != nil {
				return err
			}
			loaded, err := loadConfig(c)
			if err != nil {
				return err
			}
			options := launchOptions(c, loaded)
			options.Local = c.IsSet("nproc")
			report, err := launch.Allreduce(c.Context, options, test, c.Float64("factor"))
			if err != nil {
				return err
			}
			if c.Bool("json") {
				err = writeJSON(c.App.Writer, report)
			} else {
				err = report.Write(c.App.Writer)
			}
			return errors.Join(err, crew.Verdict(loaded, report, options.Logger))
		},
	}
}

// allreduceTestOf is what the flags ask for. A sum is one of whole f32 values.
func allreduceTestOf(c *cli.Context) (job.Allreduce, error) {
	const most, mostBytes = 1_000_000, 1 << 32
	test := job.Allreduce{Bytes: c.Int64Slice("bytes"), Iterations: c.Int64("iterations"), Warmup: c.Int64("warmup")}
	for _, bytes := range test.Bytes {
		if bytes < 4 || bytes > mostBytes || bytes%4 != 0 {
			return test, usageError(fmt.Errorf("--bytes is %d, must be a multiple of 4 up to %d", bytes, mostBytes))
		}
	}
	return test, errors.Join(within("iterations", test.Iterations, 1, most), within("warmup", test.Warmup, 0, most),
		atLeast("factor", c.Float64("factor"), 1))
}
