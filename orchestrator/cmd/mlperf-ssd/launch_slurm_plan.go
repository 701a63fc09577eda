// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/engine"
	"mlperf-ssd/orchestrator/internal/slurm"
)

// slurmPlan is the job that runs this same launch inside an allocation, with the shell's variables and
// --set written out, so that the script alone says what runs.
func slurmPlan(c *cli.Context, loaded *config.Config) (slurm.Plan, []string, error) {
	none := slurm.Plan{}
	dir, err := os.Getwd()
	if err != nil {
		return none, nil, fmt.Errorf("launch: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return none, nil, fmt.Errorf("launch: %w", err)
	}
	command := []string{self, "launch"}
	if file := c.String("config"); file != "" {
		command = append(command, "--config="+absolute(dir, file))
	}
	for _, f := range loaded.Fields() {
		if strings.HasPrefix(f.Origin, "$") || f.Origin == "--set" {
			command = append(command, "--set="+f.Key+"="+f.Text())
		}
	}
	if file := c.String("engine"); file != "" {
		command = append(command, "--engine="+absolute(dir, file))
	} else if loaded.Cluster.Container == "" {
		if _, err := findEngine(c, loaded); err != nil {
			return none, nil, err
		}
	}
	if c.Bool("resume") {
		command = append(command, "--resume")
	}
	if c.IsSet("restarts") {
		command = append(command, fmt.Sprintf("--restarts=%d", c.Int("restarts")))
	}
	if image := c.String("container"); image != "" {
		command = append(command, "--container="+image)
	}
	limit, warnings, err := timeLimit(loaded)
	if err != nil {
		return none, nil, usageError(err)
	}
	name := "mlperf-ssd"
	if s := loaded.Run.System; s != "" {
		name += "-" + s
	}
	logs := strings.ReplaceAll(absolute(dir, loaded.Run.LogDir), "%", "%%")
	return slurm.Plan{
		Name: name, Nodes: int(loaded.Cluster.Nodes), RanksPerNode: int(loaded.Cluster.GPUsPerNode), GPUsPerNode: gpusPerNode(loaded),
		Limit: limit, Dir: dir, Output: filepath.Join(logs, "slurm-%j.out"), Options: strings.Fields(loaded.Cluster.SlurmOptions), Command: command,
	}, warnings, nil
}

// timeLimit is the job's, given or estimated, with what is doubtful about it.
func timeLimit(c *config.Config) (time.Duration, []string, error) {
	trials, one := int(c.Run.Trials), time.Duration(c.Cluster.TrialMinutes*float64(time.Minute))
	if c.Cluster.WallTime == "" {
		estimate := slurm.Estimate(trials, one)
		if estimate == 0 {
			return 0, []string{"no time limit: the partition's default holds (cluster.wall_time or cluster.trial_minutes set one)"}, nil
		}
		return estimate, nil, nil
	}
	limit, err := slurm.ParseLimit(c.Cluster.WallTime)
	if err != nil {
		return 0, nil, fmt.Errorf("%s: cluster.wall_time: %w", c.Origin("cluster.wall_time"), err)
	}
	if warning := slurm.CheckLimit(limit, trials, one); warning != "" {
		return limit, []string{warning}, nil
	}
	return limit, nil, nil
}

// gpusPerNode is what is asked of Slurm: none for ranks on the CPU.
func gpusPerNode(c *config.Config) int {
	if c.Device.Kind == "cuda" {
		return int(c.Cluster.GPUsPerNode)
	}
	return 0
}

func absolute(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

func findEngine(c *cli.Context, loaded *config.Config) (string, error) {
	path, err := engine.Find(c.String("engine"), loaded.Device.Kind)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("engine: %s is not there: run `make build`, or name another with --engine", path)
	}
	return path, nil
}

// exitCodeOf is the exit code that an error gives the program.
func exitCodeOf(err error) int {
	var exit *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		return exit.code
	default:
		return exitFailed
	}
}
