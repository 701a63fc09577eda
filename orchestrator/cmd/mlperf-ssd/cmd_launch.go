// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/job"
	"mlperf-ssd/orchestrator/internal/launch"
)

func launchCommand() *cli.Command {
	return &cli.Command{
		Name:  "launch",
		Usage: "train until the target, score, and leave an MLPerf log",
		Description: "Writes result_0.txt (the log of trial 0), run.json (the outcome) and checkpoints into\n" +
			"run.log_dir. Exit code 0 when the target is reached, 1 otherwise.\n\n" +
			"On this machine it starts a worker for each of cluster.gpus_per_node ranks, or --nproc N. When one\n" +
			"fails or hangs it is named and the others are stopped; --restarts N begins again.\n" +
			"Example: mlperf-ssd launch --config configs/toy.toml --nproc 2 --restarts 3\n\n" +
			"With cluster.nodes above 1, or --slurm, it submits itself to Slurm, shows what the job prints and\n" +
			"asks before Ctrl-C cancels it; --dry-run prints the script. Inside an allocation it runs all\n" +
			"trials with srun.",
		Flags: slices.Concat(configFlags(), placeFlags(), []cli.Flag{
			&cli.BoolFlag{Name: "resume", Usage: "go on from the last checkpoint in run.log_dir"},
			&cli.IntFlag{Name: "nproc", Usage: "run `N` ranks on this machine (default: cluster.gpus_per_node)"},
			&cli.IntFlag{Name: "restarts", Usage: "begin again up to `N` times after a fault: at the last checkpoint, or anew if run.timed"},
			&cli.BoolFlag{Name: "dry-run", Usage: "check everything, print the plan, train nothing"},
			jsonFlag(),
			engineFlag(),
		}),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if err := atLeast("restarts", c.Int("restarts"), 0); err != nil {
				return err
			}
			loaded, err := loadConfig(c)
			if err != nil {
				return err
			}
			outliveReaders()
			return launch.Run(c.Context, launchOptions(c, loaded))
		},
	}
}

// placeFlags say where to run.
func placeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "slurm", Usage: "submit to Slurm, even a single node"},
		&cli.BoolFlag{Name: "local", Usage: "run on this machine, even inside a Slurm job"},
		&cli.BoolFlag{Name: "detach", Usage: "submit and do not wait"},
		&cli.StringFlag{Name: "container", Usage: "run in an `IMAGE`, with docker or under Slurm (default: cluster.container)"},
		&cli.IntFlag{Name: "first-trial", Hidden: true},
		&cli.StringFlag{Name: "caches", Hidden: true},
	}
}

func launchOptions(c *cli.Context, loaded *config.Config) launch.Options {
	return launch.Options{
		Config:     loaded,
		File:       c.String("config"),
		Engine:     c.String("engine"),
		Container:  c.String("container"),
		Local:      c.Bool("local"),
		Slurm:      c.Bool("slurm"),
		Detach:     c.Bool("detach"),
		Resume:     c.Bool("resume"),
		Restarts:   c.Int("restarts"),
		DryRun:     c.Bool("dry-run"),
		JSON:       c.Bool("json"),
		FirstTrial: c.Int("first-trial"),
		Caches:     job.Caches(c.String("caches")),
		Version:    version,
		Stdout:     c.App.Writer,
		Stderr:     os.Stderr,
		Logger:     newLogger(),
	}
}

// outliveReaders makes a write into a pipe that nobody reads any more an error, which would kill the
// program: who reads the log may leave before the run ends.
func outliveReaders() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
