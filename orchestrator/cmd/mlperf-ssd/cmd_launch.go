// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/engine"
)

func configFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", Usage: "TOML `FILE`"},
		&cli.StringSliceFlag{Name: "set", Usage: "override: `section.key=value`"},
	}
}

func loadConfig(c *cli.Context) (*config.Config, error) {
	loaded, err := config.Load(config.Source{File: c.String("config"), LookupEnv: os.LookupEnv, Sets: c.StringSlice("set")})
	if err != nil {
		return nil, usageError(err)
	}
	return loaded, nil
}

func launchCommand() *cli.Command {
	return &cli.Command{
		Name:  "launch",
		Usage: "train until the target, score, and leave an MLPerf log",
		Description: "Writes result_0.txt (the log of trial 0), run.json (the outcome) and checkpoints into\n" +
			"run.log_dir. Exit code 0 when the target is reached, 1 otherwise.\n\n" +
			"With cluster.nodes above 1, or --slurm, it submits itself to Slurm, shows what the job prints and\n" +
			"asks before Ctrl-C cancels it; --dry-run prints the script. Inside an allocation it runs all\n" +
			"trials with srun.",
		Flags: append(append(configFlags(), slurmFlags()...),
			&cli.BoolFlag{Name: "resume", Usage: "go on from the last checkpoint in run.log_dir"},
			&cli.BoolFlag{Name: "dry-run", Usage: "check everything, print the plan, train nothing"},
			jsonFlag(),
			engineFlag()),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			loaded, err := loadConfig(c)
			if err != nil {
				return err
			}
			return launchPlace(c, loaded)
		},
	}
}

func launch(c *cli.Context, loaded *config.Config) error {
	if err := checkRunnable(loaded); err != nil {
		return usageError(err)
	}
	path, err := engine.Find(c.String("engine"))
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("engine: %s is not there: run `make build`, or name another with --engine", path)
	}
	if c.Bool("resume") && loaded.Run.Trials > 1 {
		return usageError(fmt.Errorf("%s: --resume goes on with one trial, not %d: --set run.trials=1",
			loaded.Origin("run.trials"), loaded.Run.Trials))
	}
	if c.Bool("dry-run") {
		return printPlan(c.App.Writer, planOf(loaded, path), c.Bool("json"))
	}
	if err := os.MkdirAll(loaded.Run.LogDir, 0o755); err != nil {
		return fmt.Errorf("run.log_dir: %w", err)
	}
	for trial := range int(loaded.Run.Trials) {
		j := job{Config: loaded, Engine: path, Trial: trial, Seed: loaded.Run.Seed}
		if err := prepareJob(c, &j); err != nil {
			return err
		}
		if err := runTrial(c, j); err != nil {
			return err
		}
	}
	return nil
}

// checkRunnable finds what would only fail minutes later. It looks for the data folder but opens
// nothing in it: that is for after run_start.
func checkRunnable(c *config.Config) error {
	if n := c.Ranks(); n > 1 {
		return fmt.Errorf("%s: cluster.nodes x cluster.gpus_per_node is %d ranks, but this build launches one: "+
			"--set cluster.nodes=1 --set cluster.gpus_per_node=1", c.Origin("cluster.gpus_per_node"), n)
	}
	if c.Data.Dir == "" {
		return errors.New("data.dir is not set: name a COCO folder, or draw one with `mlperf-ssd prepare toy DIR`")
	}
	if info, err := os.Stat(c.Data.Dir); err != nil || !info.IsDir() {
		return fmt.Errorf("%s: data.dir %s is no folder: `mlperf-ssd prepare toy %s` would draw a data set there",
			c.Origin("data.dir"), c.Data.Dir, c.Data.Dir)
	}
	if file := c.Backbone.Weights; file != "" {
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("%s: backbone.weights: %w", c.Origin("backbone.weights"), err)
		}
	}
	return nil
}
