// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/crew"
	"mlperf-ssd/orchestrator/internal/exit"
	"mlperf-ssd/orchestrator/internal/slurm"
)

// script is the job that runs this same launch inside an allocation, with the shell's variables and
// --set written out, so that the script alone says what runs.
func (o Options) script() (slurm.Plan, []string, error) {
	none, c := slurm.Plan{}, o.Config
	dir, err := os.Getwd()
	if err != nil {
		return none, nil, fmt.Errorf("launch: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return none, nil, fmt.Errorf("launch: %w", err)
	}
	command := []string{self, "launch"}
	if o.File != "" {
		file, err := o.readAgain(dir)
		if err != nil {
			return none, nil, exit.Usage(err)
		}
		command = append(command, "--config="+file)
	}
	command = append(command, sets(c)...)
	if file := o.Engine; file != "" {
		command = append(command, "--engine="+absolute(dir, file))
	} else if c.Cluster.Container == "" {
		if _, err := o.findEngine(); err != nil {
			return none, nil, err
		}
	}
	if o.Resume {
		command = append(command, "--resume")
	}
	if o.Restarts != 0 {
		command = append(command, fmt.Sprintf("--restarts=%d", o.Restarts))
	}
	if image := o.Container; image != "" {
		command = append(command, "--container="+image)
	}
	if err := crew.Binding(c).Check(); err != nil {
		return none, nil, exit.Usage(err)
	}
	limit, warnings, err := timeLimit(c)
	if err != nil {
		return none, nil, exit.Usage(err)
	}
	name := "mlperf-ssd"
	if s := c.Run.System; s != "" {
		name += "-" + s
	}
	logs := strings.ReplaceAll(absolute(dir, c.Run.LogDir), "%", "%%")
	return slurm.Plan{
		Name: name, Nodes: int(c.Cluster.Nodes), RanksPerNode: int(c.Cluster.GPUsPerNode), GPUsPerNode: gpusPerNode(c),
		Limit: limit, Dir: dir, Output: filepath.Join(logs, "slurm-%j.out"), Options: strings.Fields(c.Cluster.SlurmOptions), Command: command,
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
