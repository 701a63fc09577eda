// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/health"
	"mlperf-ssd/orchestrator/internal/slurm"
)

func benchAllreduce() *cli.Command {
	preset := newAllreduceTest()
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
				return usageError(err)
			}
			loaded, err := loadConfig(c)
			if err != nil {
				return err
			}
			report, err := allreduceHere(c, loaded, test)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				err = writeJSON(c.App.Writer, report)
			} else {
				err = report.Write(c.App.Writer)
			}
			return errors.Join(err, verdictOnAllreduce(loaded, report, newLogger()))
		},
	}
}

// allreduceTestOf is what the flags ask for. A sum is one of whole f32 values.
func allreduceTestOf(c *cli.Context) (allreduceTest, error) {
	const most, mostBytes = 1_000_000, 1 << 32
	test := allreduceTest{Bytes: c.Int64Slice("bytes"), Iterations: c.Int64("iterations"), Warmup: c.Int64("warmup")}
	for _, bytes := range test.Bytes {
		if bytes < 4 || bytes > mostBytes || bytes%4 != 0 {
			return test, fmt.Errorf("--bytes is %d, must be a multiple of 4 up to %d", bytes, mostBytes)
		}
	}
	if test.Iterations < 1 || test.Iterations > most {
		return test, fmt.Errorf("--iterations is %d, must be 1 to %d", test.Iterations, most)
	}
	if test.Warmup < 0 || test.Warmup > most {
		return test, fmt.Errorf("--warmup is %d, must be 0 to %d", test.Warmup, most)
	}
	if f := c.Float64("factor"); !(f >= 1) {
		return test, fmt.Errorf("--factor is %v, must be at least 1", f)
	}
	return test, nil
}

// allreduceHere runs the test where the command stands.
func allreduceHere(c *cli.Context, loaded *config.Config, test allreduceTest) (health.Report, error) {
	allocation, task, err := slurm.Discover(os.LookupEnv)
	switch {
	case err != nil:
		return health.Report{}, err
	case allocation != nil && task == nil && !c.IsSet("nproc"):
		return allreduceInAllocation(c, loaded, allocation, test)
	case loaded.Cluster.Nodes > 1:
		return health.Report{}, usageError(fmt.Errorf("%s: cluster.nodes is %d, but here is one: call it inside a Slurm job, or with --nproc N",
			loaded.Origin("cluster.nodes"), loaded.Cluster.Nodes))
	case loaded.Ranks() < 2:
		return health.Report{}, usageError(errors.New("one rank has nobody to sum with: --nproc N"))
	}
	path, err := findEngine(c, loaded)
	if err != nil {
		return health.Report{}, err
	}
	ranks := newLocalStarter(c.Context, loaded, newLogger())
	return test.launch(c.Context, job{Config: loaded, Engine: path}, ranks, c.Float64("factor"))
}

// allreduceInAllocation runs the test on all nodes of a job. Where the configuration leaves them open,
// the ranks of a node are the job's tasks there, or its GPUs.
func allreduceInAllocation(c *cli.Context, loaded *config.Config, allocation *slurm.Job, test allreduceTest) (report health.Report, err error) {
	if loaded.Origin("cluster.nodes") == "default" {
		loaded.Cluster.Nodes = int64(len(allocation.Nodes))
	}
	if loaded.Origin("cluster.gpus_per_node") == "default" {
		loaded.Cluster.GPUsPerNode = int64(cmp.Or(allocation.TasksPerNode, allocation.GPUs, 1))
	}
	s, err := newSlurmJob(c, loaded, allocation)
	if err != nil {
		return report, err
	}
	a := s.allocation
	if err := a.Check(int(loaded.Cluster.Nodes)); err != nil {
		return report, usageError(err)
	}
	if loaded.Ranks() < 2 {
		return report, usageError(errors.New("one rank has nobody to sum with: --set cluster.gpus_per_node=N"))
	}
	if a.Container != nil {
		defer func() { err = errors.Join(err, a.RemoveContainer(context.WithoutCancel(c.Context))) }()
		if err := errors.Join(a.MakeFolder(c.Context, loaded.Run.LogDir), a.SetUpContainer(c.Context)); err != nil {
			return report, err
		}
	}
	return test.launch(c.Context, job{Config: loaded, Engine: s.engine}, &srunStarter{allocation: a}, c.Float64("factor"))
}
