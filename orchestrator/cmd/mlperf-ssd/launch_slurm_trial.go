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

	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/slurm"
)

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
