// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/atomicfile"
	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/engine"
	"mlperf-ssd/orchestrator/internal/progress"
	"mlperf-ssd/orchestrator/internal/supervise"
	"mlperf-ssd/orchestrator/internal/worker"
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
			"run.log_dir. Exit code 0 when the target is reached, 1 otherwise.",
		Flags: append(configFlags(),
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
			return launch(c, loaded)
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
	if c.Bool("dry-run") {
		return printPlan(c.App.Writer, loaded, path)
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

// prepareJob finds where to start and with which seed.
func prepareJob(c *cli.Context, j *job) error {
	if c.Bool("resume") {
		start, err := worker.Latest(j.Config.Run.LogDir)
		if err != nil {
			return err
		}
		j.Start = start
		if j.Seed == 0 {
			if j.Seed, err = start.Seed(); err != nil {
				return err
			}
		}
		// The interrupted log stays readable beside the new one.
		if err := os.Rename(j.logFile(), j.logFile()+".interrupted"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("log: %w", err)
		}
	}
	if j.Seed == 0 {
		n, err := rand.Int(rand.Reader, big.NewInt(1<<31-1))
		if err != nil {
			return fmt.Errorf("seed: %w", err)
		}
		j.Seed = n.Int64() + 1
	}
	return nil
}

// runRecord is run.json.
type runRecord struct {
	worker.Outcome
	Trial    int    `json:"trial"`
	Error    string `json:"error,omitempty"`
	ExitCode int    `json:"exit_code"`
	Version  string `json:"version"`
}

func runTrial(c *cli.Context, j job) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("launch: %w", err)
	}
	asJSON := c.Bool("json")
	var stdout io.Writer = c.App.Writer
	if asJSON || progress.IsTerminal(os.Stdout) {
		stdout = io.Discard // the log is in its file
	}
	view := progress.New(os.Stderr)
	record := runRecord{Trial: j.Trial, Version: version, Outcome: worker.Outcome{Status: "aborted", Seed: j.Seed}}
	cause := ""
	runErr := supervise.Run(c.Context, supervise.Child{
		Path:   self,
		Args:   []string{"worker"},
		Job:    j,
		Stdout: stdout,
		Stderr: view.Errors(),
		Progress: func(raw json.RawMessage) {
			var m message
			if json.Unmarshal(raw, &m) != nil {
				return
			}
			if m.Progress != nil {
				view.Update(*m.Progress)
			}
			if m.Outcome != nil {
				record.Outcome = *m.Outcome
			}
			cause += m.Error
		},
	})
	if runErr != nil && cause != "" {
		runErr = fmt.Errorf("%w: %s", runErr, cause)
	}
	view.Finish(record.Outcome, j.Config.Eval.Target)
	return finishTrial(c, j, record, runErr)
}

func finishTrial(c *cli.Context, j job, record runRecord, runErr error) error {
	err := runErr
	switch {
	case c.Context.Err() != nil:
		err = &exitError{exitInterrupted, errors.New("interrupted: the log is closed as aborted")}
	case err == nil && record.Status != "success" && !j.Config.Run.Smoke:
		err = fmt.Errorf("the target %v was not reached in %d epochs: best AP %.4f", j.Config.Eval.Target, record.Epochs, record.BestAP)
	}
	if err != nil {
		record.Error = err.Error()
		record.ExitCode = exitFailed
		var exit *exitError
		if errors.As(err, &exit) {
			record.ExitCode = exit.code
		}
	}
	text, marshalErr := json.MarshalIndent(record, "", "  ")
	if marshalErr != nil {
		return errors.Join(err, marshalErr)
	}
	write := func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s\n", text)
		return err
	}
	writeErr := atomicfile.Write(filepath.Join(j.Config.Run.LogDir, "run.json"), write)
	if c.Bool("json") {
		writeErr = errors.Join(writeErr, write(c.App.Writer))
	}
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, writeErr)
}

func printPlan(w io.Writer, c *config.Config, enginePath string) error {
	epochs := c.Epochs()
	ec := c.Engine(c.Run.Seed)
	_, err := fmt.Fprintf(w, "engine       %s\ndata         %s, %d training and %d validation images\nlog          %s\n"+
		"batch        %d on %d rank, %s\nepochs       at most %d of %d or %d iterations, evaluated every %d\n"+
		"rate         %g after %d steps of warm-up, decay after epochs %v\ntarget       %g AP\n",
		enginePath, c.Data.Dir, c.Data.TrainSamples, c.Data.EvalSamples, filepath.Join(c.Run.LogDir, "result_0.txt"),
		c.Model.BatchSize, c.Ranks(), c.Model.Precision,
		c.Run.Epochs, epochs.Iterations(1), epochs.Iterations(2), c.Eval.Interval,
		ec.Optimizer.BaseLr, ec.Optimizer.WarmupSteps, c.Optimizer.DecayEpochs, c.Eval.Target)
	return err
}
