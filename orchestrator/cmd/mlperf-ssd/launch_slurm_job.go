// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"
	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/container"
	"mlperf-ssd/orchestrator/internal/mllog"
	"mlperf-ssd/orchestrator/internal/slurm"
)

// slurmJob is a launch inside an allocation.
type slurmJob struct {
	cli        *cli.Context
	config     *config.Config
	engine     string
	allocation *slurm.Allocation
	ledger     *slurm.Ledger
	datestamp  string
	logger     *zap.Logger
}

// launchInAllocation does what the submission's run.sub did (spec section 16).
func launchInAllocation(c *cli.Context, loaded *config.Config, job *slurm.Job) (err error) {
	s, err := newSlurmJob(c, loaded, job)
	if err != nil {
		return err
	}
	if err := s.allocation.Check(int(loaded.Cluster.Nodes)); err != nil {
		return usageError(err)
	}
	if err := checkPaths(s.config); err != nil {
		return usageError(err)
	}
	if c.Bool("dry-run") {
		return printPlan(c.App.Writer, planOf(s.config, s.engine), c.Bool("json"))
	}
	defer func() {
		// Also after Ctrl-C: a container outlives its job.
		err = errors.Join(err, s.allocation.RemoveContainer(context.WithoutCancel(c.Context)))
	}()
	if err := s.setUp(c.Context); err != nil {
		return err
	}
	return s.trials(c.Context)
}

func newSlurmJob(c *cli.Context, loaded *config.Config, job *slurm.Job) (*slurmJob, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("launch: %w", err)
	}
	s := &slurmJob{cli: c, config: loaded, logger: newLogger(), datestamp: loaded.Run.Datestamp}
	// Workers have other working directories.
	for _, path := range []*string{&loaded.Run.LogDir, &loaded.Data.Dir, &loaded.Backbone.Weights, &loaded.Eval.Detections} {
		*path = absolute(dir, *path)
	}
	if s.datestamp == "" {
		now := time.Now()
		s.datestamp = now.Format("060102150405") + fmt.Sprintf("%09d", now.Nanosecond())
	}
	if _, warnings, err := timeLimit(loaded); err != nil {
		return nil, usageError(err)
	} else if loaded.Cluster.WallTime != "" {
		for _, text := range warnings {
			s.logger.Warn(text)
		}
	}
	s.allocation = &slurm.Allocation{Runner: slurm.Exec{}, Job: job, RanksPerNode: int(loaded.Cluster.GPUsPerNode), GPUsPerNode: gpusPerNode(loaded), Stderr: os.Stderr}
	if loaded.Device.Kind == "auto" && job.GPUs >= s.allocation.RanksPerNode {
		s.allocation.GPUsPerNode = s.allocation.RanksPerNode
	}
	if image := loaded.Cluster.Container; image != "" {
		s.engine = c.String("engine") // empty: the image's own
		s.allocation.Container, err = pyxis(loaded, job, dir)
		return s, err
	}
	s.engine, err = findEngine(c, loaded)
	return s, err
}

// pyxis is the container of a job, with what the configuration names.
func pyxis(c *config.Config, job *slurm.Job, dir string) (*container.Pyxis, error) {
	image, err := container.EnrootImage(c.Cluster.Container, dir)
	if err != nil {
		return nil, usageError(err)
	}
	mounts, err := container.Mounts(configMounts(c))
	if err != nil {
		return nil, usageError(err)
	}
	return &container.Pyxis{Image: image, Name: container.PyxisName(job.ID, job.Restarts), WorkDir: c.Run.LogDir, Mounts: mounts}, nil
}

// configMounts are the paths of a configuration; they are absolute.
func configMounts(c *config.Config) []container.Mount {
	mounts := []container.Mount{{Path: c.Run.LogDir}}
	for _, path := range []string{c.Data.Dir, c.Backbone.Weights} {
		if path != "" {
			mounts = append(mounts, container.Mount{Path: path, ReadOnly: true})
		}
	}
	if dir := c.Eval.Detections; dir != "" {
		mounts = append(mounts, container.Mount{Path: dir})
	}
	return mounts
}

// setUp is all before the first trial.
func (s *slurmJob) setUp(ctx context.Context) error {
	a, logs := s.allocation, s.config.Run.LogDir
	hostOS, err := a.HostOS(ctx)
	if err != nil {
		return err
	}
	folders := []string{logs}
	if dir := s.config.Eval.Detections; dir != "" {
		folders = append(folders, dir)
	}
	for _, folder := range folders {
		if err := a.MakeFolder(ctx, folder); err != nil {
			return err
		}
	}
	if s.ledger, err = slurm.OpenLedger(filepath.Join(logs, "slurm-"+a.Job.ID+".json"), a.Job.ID); err != nil {
		return err
	}
	s.ledger.HostOS = hostOS
	if err := s.closeCutOff(); err != nil {
		return err
	}
	if err := a.SetUpContainer(ctx); err != nil {
		return err
	}
	return testAllreduce(ctx, job{Config: s.config, Engine: s.engine}, &srunStarter{allocation: a}, s.logger)
}

// closeCutOff closes and puts aside what an earlier start of the job left open: a timed trial is not
// gone on with.
func (s *slurmJob) closeCutOff() error {
	for _, t := range s.ledger.CutOff() {
		closed, err := mllog.CloseAborted(t.MLLog, time.Now())
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		aside := fmt.Sprintf("%s.aborted-%d", t.MLLog, t.Start)
		if err := os.Rename(t.MLLog, aside); err == nil {
			t.MLLog = aside
		} else if !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("log: %w", err)
		}
		if t.Status == "" {
			t.Error, t.ExitCode = "the job was cut off and started again", exitFailed
		}
		t.Status, t.PutAside = slurm.TrialAborted, true
		s.logger.Warn(fmt.Sprintf("trial %d was cut off: its log is %s (closed as aborted: %v); it begins anew", t.Trial, t.MLLog, closed))
	}
	return s.ledger.Save()
}
