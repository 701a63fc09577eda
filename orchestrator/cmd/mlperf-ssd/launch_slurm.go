// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/slurm"
)

func slurmFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "slurm", Usage: "submit to Slurm, even a single node"},
		&cli.BoolFlag{Name: "local", Usage: "run on this machine, even inside a Slurm job"},
		&cli.BoolFlag{Name: "detach", Usage: "submit and do not wait"},
	}
}

// launchPlace finds where a launch runs and hands it on: submitted from a login node, with srun inside
// an allocation, or here.
func launchPlace(c *cli.Context, loaded *config.Config) error {
	if image := c.String("container"); image != "" {
		loaded.Cluster.Container = image
	}
	if c.Bool("local") && (c.Bool("slurm") || c.Bool("detach")) {
		return usageError(errors.New("--local excludes --slurm and --detach"))
	}
	job, task, err := slurm.Discover(os.LookupEnv)
	if err != nil {
		return err
	}
	switch {
	case c.Bool("local"):
		return launchHere(c, loaded)
	case task != nil && (loaded.Cluster.Nodes > 1 || task.World > 1):
		return usageError(fmt.Errorf("srun started %d launchers: call launch once, in the batch script or beside salloc, and it starts the ranks itself",
			task.World))
	case job != nil && task == nil:
		return launchInAllocation(c, loaded, job)
	case c.Bool("slurm"), c.Bool("detach"), loaded.Cluster.Nodes > 1:
		return submit(c, loaded)
	default:
		return launchHere(c, loaded)
	}
}

func launchHere(c *cli.Context, loaded *config.Config) error {
	if loaded.Cluster.Container != "" && loaded.Cluster.Nodes == 1 {
		return launchInDocker(c, loaded)
	}
	return launch(c, loaded)
}

// submission is what a submit has to say.
type submission struct {
	Job      string   `json:"job,omitempty"`
	Log      string   `json:"log"`
	State    string   `json:"state,omitempty"`
	ExitCode int      `json:"exit_code"`
	Warnings []string `json:"warnings,omitempty"`
	Script   string   `json:"script"`
}

func submit(c *cli.Context, loaded *config.Config) error {
	plan, warnings, err := slurmPlan(c, loaded)
	if err != nil {
		return err
	}
	script, err := plan.Script()
	if err != nil {
		return usageError(err)
	}
	logger := newLogger()
	for _, text := range warnings {
		logger.Warn(text)
	}
	s := submission{Log: plan.Output, Warnings: warnings, Script: script}
	if c.Bool("dry-run") {
		if c.Bool("json") {
			return writeJSON(c.App.Writer, s)
		}
		_, err := io.WriteString(c.App.Writer, script)
		return err
	}
	forecast, err := slurm.TestOnly(c.Context, slurm.Exec{}, script)
	if err != nil {
		return err
	}
	logger.Info(forecast)
	if err := os.MkdirAll(filepath.Dir(plan.Output), 0o755); err != nil {
		return fmt.Errorf("run.log_dir: %w", err)
	}
	if s.Job, err = slurm.Submit(c.Context, slurm.Exec{}, script); err != nil {
		return err
	}
	s.Log = strings.ReplaceAll(plan.Output, "%j", s.Job)
	logger.Info(fmt.Sprintf("job %s: submitted, prints into %s", s.Job, s.Log))
	out := c.App.Writer
	if c.Bool("json") {
		out = io.Discard // it is in the file
	}
	if !c.Bool("detach") {
		s.State, err = followJob(c, s, out, func(text string) { logger.Info(text) })
		s.ExitCode = exitCodeOf(err)
	}
	switch {
	case c.Bool("json"):
		return errors.Join(err, writeJSON(c.App.Writer, s))
	case c.Bool("detach"):
		_, err = fmt.Fprintln(c.App.Writer, s.Job)
	}
	return err
}

// followJob shows the job's output until it ends, and gives its end as this program's own.
func followJob(c *cli.Context, s submission, out io.Writer, say func(string)) (string, error) {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	follower := slurm.Follower{Runner: slurm.Exec{}, Job: s.Job, Log: s.Log, Out: out, Say: say, Interrupt: interrupts}
	// Ctrl-C, which ends the command's context, is a question here.
	state, err := follower.Follow(context.WithoutCancel(c.Context))
	switch {
	case errors.Is(err, context.Canceled):
		return state.Word, &exitError{exitInterrupted, fmt.Errorf("job %s is being cancelled; its log is %s", s.Job, s.Log)}
	case errors.Is(err, slurm.ErrForgotten):
		return state.Word, fmt.Errorf("job %s has ended, how is not known any more: see %s", s.Job, s.Log)
	case err != nil:
		return state.Word, err
	case state.Word == "COMPLETED":
		return state.Word, nil
	case state.Word == "CANCELLED":
		return state.Word, &exitError{exitInterrupted, fmt.Errorf("job %s was cancelled: see %s", s.Job, s.Log)}
	case state.Word == "FAILED" && state.Code != 0:
		return state.Word, &exitError{state.Code, fmt.Errorf("job %s failed with exit code %d: see %s", s.Job, state.Code, s.Log)}
	default:
		return state.Word, fmt.Errorf("job %s ended: %s (%s): see %s", s.Job, state.Word, state.Reason, s.Log)
	}
}
