// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	s.engine, err = findEngine(c)
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
	if s.config.Cluster.AllreduceTest {
		return s.allreduceTest(ctx)
	}
	return nil
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

// allreduceTest is the health check between the container and the first trial.
func (s *slurmJob) allreduceTest(context.Context) error {
	return usageError(fmt.Errorf("%s: cluster.allreduce_test: this build has no `bench allreduce`: --set cluster.allreduce_test=false",
		s.config.Origin("cluster.allreduce_test")))
}

// trials runs what is left of the trials. One that fails does not end the rest.
func (s *slurmJob) trials(ctx context.Context) error {
	var failures []error
	for _, trial := range s.ledger.Left(int(s.config.Run.Trials)) {
		if ctx.Err() != nil {
			break
		}
		if err := s.trial(ctx, trial); err != nil {
			s.logger.Error(fmt.Sprintf("trial %d: %v", trial, err))
			failures = append(failures, fmt.Errorf("trial %d: %w", trial, err))
		}
	}
	if ctx.Err() != nil {
		return &exitError{exitInterrupted, errors.Join(append(failures, errors.New("interrupted"))...)}
	}
	return errors.Join(failures...)
}

// trial runs one trial with its caches, its log and its place in the ledger.
func (s *slurmJob) trial(ctx context.Context, trial int) error {
	c := s.config
	j := job{Config: c, Engine: s.engine, Trial: trial, Seed: c.Run.Seed}
	output := filepath.Join(c.Run.LogDir, fmt.Sprintf("ssd_%dx%dx%d_%s_%d.log", c.Cluster.Nodes, c.Cluster.GPUsPerNode, c.Model.BatchSize,
		s.datestamp, trial+1))
	if s.allocation.Job.Restarts > 0 {
		output += fmt.Sprintf(".%d", s.allocation.Job.Restarts)
	}
	entry := slurm.Trial{Trial: trial, Start: s.allocation.Job.Restarts, MLLog: j.logFile(), Output: output, Began: time.Now()}
	if err := s.ledger.Begin(entry); err != nil {
		return err
	}
	err := s.runTrial(ctx, j, output)
	status := slurm.TrialSucceeded
	switch {
	case err != nil && ctx.Err() != nil:
		status = slurm.TrialAborted
	case err != nil:
		status = slurm.TrialFailed
	}
	return errors.Join(err, s.ledger.End(time.Now(), status, exitCodeOf(err), err))
}

func (s *slurmJob) runTrial(ctx context.Context, j job, output string) error {
	cleared, err := s.clearCaches(ctx)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	defer file.Close()
	begin := time.Now()
	both := io.MultiWriter(s.cli.App.Writer, file)
	const clock = "2006-01-02 03:04:05 PM"
	fmt.Fprintf(both, "STARTING TIMING RUN AT %s\n", begin.Format(clock))
	err = runRanks(s.cli, j, &srunStarter{s.allocation, []string{"MLPERF_HOST_OS=" + s.ledger.HostOS}}, cleared, file)
	end := time.Now()
	fmt.Fprintf(both, "ENDING TIMING RUN AT %s\n", end.Format(clock))
	if err == nil {
		fmt.Fprintf(both, "RESULT,SINGLE_STAGE_DETECTOR,,%d,%s,%s\n", int(end.Sub(begin).Seconds()), s.config.Submission.Org, begin.Format(clock))
	}
	return errors.Join(err, file.Sync())
}

// clearCaches empties the page caches of all nodes as configured, and says whether it did.
func (s *slurmJob) clearCaches(ctx context.Context) (bool, error) {
	if s.config.Cluster.ClearCaches == "off" {
		return false, nil
	}
	err := s.allocation.ClearCaches(ctx)
	switch {
	case err == nil:
		return true, nil
	case s.config.Cluster.ClearCaches == "require" || ctx.Err() != nil:
		return false, fmt.Errorf("%w (%s: cluster.clear_caches = \"try\" goes on without, but the rules want it)", err,
			s.config.Origin("cluster.clear_caches"))
	default:
		s.logger.Warn("the trial runs without cleared caches, which the rules want", zap.Error(err))
		return false, nil
	}
}
