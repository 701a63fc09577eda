// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

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
	sets := c.StringSlice("set")
	if c.IsSet("nproc") {
		sets = append(sets, "cluster.nodes=1", fmt.Sprintf("cluster.gpus_per_node=%d", c.Int("nproc")))
	}
	loaded, err := config.Load(config.Source{File: c.String("config"), LookupEnv: os.LookupEnv, Sets: sets})
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
			"On this machine it starts a worker for each of cluster.gpus_per_node ranks, or --nproc N. When one\n" +
			"fails or hangs it is named and the others are stopped; --restarts N begins again.\n" +
			"Example: mlperf-ssd launch --config configs/toy.toml --nproc 2 --restarts 3\n\n" +
			"With cluster.nodes above 1, or --slurm, it submits itself to Slurm, shows what the job prints and\n" +
			"asks before Ctrl-C cancels it; --dry-run prints the script. Inside an allocation it runs all\n" +
			"trials with srun.",
		Flags: append(slices.Concat(configFlags(), slurmFlags(), containerFlags()),
			&cli.BoolFlag{Name: "resume", Usage: "go on from the last checkpoint in run.log_dir"},
			&cli.IntFlag{Name: "nproc", Usage: "run `N` ranks on this machine (default: cluster.gpus_per_node)"},
			restartsFlag(),
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
	path, err := engine.Find(c.String("engine"), loaded.Device.Kind)
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
	var ranks starter
	if loaded.Ranks() > 1 {
		ranks = newLocalStarter(c.Context, loaded, newLogger())
	}
	if c.Int("first-trial") == 0 {
		if err := testAllreduce(c.Context, job{Config: loaded, Engine: path}, ranks, newLogger()); err != nil {
			return err
		}
	}
	err = launchTrials(c, loaded, path, ranks)
	if c.Bool("json") {
		err = errors.Join(err, printRun(c.App.Writer, loaded))
	}
	return err
}

// launchTrials runs all trials on this host. One that fails does not end the rest.
func launchTrials(c *cli.Context, loaded *config.Config, path string, ranks starter) error {
	var failures []error
	for n := range int(loaded.Run.Trials) {
		j := job{Config: loaded, Engine: path, Trial: c.Int("first-trial") + n, Seed: loaded.Run.Seed, Caches: caches(c.String("caches"))}
		if j.Caches == cachesDrop && loaded.Cluster.ClearCaches == "off" {
			j.Caches = cachesKept
		}
		t := &trial{cli: c, job: j, starter: ranks}
		if err := prepareJob(c, &t.job); err != nil {
			return errors.Join(append(failures, err)...)
		}
		err := t.run()
		if err != nil && loaded.Run.Trials > 1 {
			err = fmt.Errorf("trial %d: %w", n, err)
			newLogger().Error(err.Error())
		}
		if err != nil {
			failures = append(failures, err)
		}
		if c.Context.Err() != nil {
			break
		}
	}
	return errors.Join(failures...)
}

// checkRunnable finds what would only fail minutes later. It looks for the data folder but opens
// nothing in it: that is for after run_start.
func checkRunnable(c *config.Config) error {
	if n := c.Cluster.Nodes; n > 1 {
		return fmt.Errorf("%s: cluster.nodes is %d, but here is one: leave --local away to submit to Slurm, or --nproc N runs N ranks here",
			c.Origin("cluster.nodes"), n)
	}
	return checkPaths(c)
}

// checkPaths looks for what a configuration names.
func checkPaths(c *config.Config) error {
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
