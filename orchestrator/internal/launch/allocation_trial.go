// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"mlperf-ssd/orchestrator/internal/exit"
	"mlperf-ssd/orchestrator/internal/job"
	"mlperf-ssd/orchestrator/internal/slurm"
	"mlperf-ssd/orchestrator/internal/tee"
)

// trials runs what is left of the trials. One that fails does not end the rest.
func (s *slurmJob) trials(ctx context.Context) error {
	var failures []error
	for _, trial := range s.ledger.Left(int(s.Config.Run.Trials)) {
		if ctx.Err() != nil {
			break
		}
		if err := s.trial(ctx, trial); err != nil {
			s.Logger.Error(fmt.Sprintf("trial %d: %v", trial, err))
			failures = append(failures, fmt.Errorf("trial %d: %w", trial, err))
		}
	}
	if ctx.Err() != nil {
		return exit.With(exit.Interrupted, errors.Join(append(failures, errors.New("interrupted"))...))
	}
	return errors.Join(failures...)
}

// trial runs one trial with its caches, its log and its place in the ledger.
func (s *slurmJob) trial(ctx context.Context, trial int) error {
	c := s.Config
	j := job.Job{Config: c, Engine: s.engine, Trial: trial, Seed: c.Run.Seed}
	output := filepath.Join(c.Run.LogDir, fmt.Sprintf("ssd_%dx%dx%d_%s_%d.log", c.Cluster.Nodes, c.Cluster.GPUsPerNode, c.Model.BatchSize,
		s.datestamp, trial+1))
	if s.allocation.Job.Restarts > 0 {
		output += fmt.Sprintf(".%d", s.allocation.Job.Restarts)
	}
	entry := slurm.Trial{Trial: trial, Start: s.allocation.Job.Restarts, MLLog: j.LogFile(), Output: output, Began: time.Now()}
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
	return errors.Join(err, s.ledger.End(time.Now(), status, exit.CodeOf(err), err))
}

func (s *slurmJob) runTrial(ctx context.Context, j job.Job, output string) error {
	var err error
	if j.Caches, err = s.clearCaches(ctx); err != nil {
		return err
	}
	file, err := os.OpenFile(output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	defer file.Close()
	begin := time.Now()
	both := tee.New(file, s.Stdout, func(error) {}) // the trial says it
	const clock = "2006-01-02 03:04:05 PM"
	fmt.Fprintf(both, "STARTING TIMING RUN AT %s\n", begin.Format(clock))
	err = s.runRanks(ctx, j, file)
	end := time.Now()
	fmt.Fprintf(both, "ENDING TIMING RUN AT %s\n", end.Format(clock))
	if err == nil {
		fmt.Fprintf(both, "RESULT,SINGLE_STAGE_DETECTOR,,%d,%s,%s\n", int(end.Sub(begin).Seconds()), s.Config.Submission.Org, begin.Format(clock))
	}
	return errors.Join(err, file.Sync())
}

// runRanks runs a trial, and writes what its ranks print to output as well.
func (s *slurmJob) runRanks(ctx context.Context, j job.Job, output io.Writer) error {
	t := s.newTrial(j)
	ranks := s.srun()
	ranks.Env = []string{"MLPERF_HOST_OS=" + s.ledger.HostOS}
	t.Starter = ranks
	t.Output, t.Clear = output, s.clearCaches
	if err := t.Prepare(); err != nil {
		return err
	}
	return t.Run(ctx)
}

// clearCaches empties the page caches of all nodes as configured.
func (s *slurmJob) clearCaches(ctx context.Context) (job.Caches, error) {
	return s.Options.clearCaches(ctx, func() error { return s.allocation.ClearCaches(ctx) })
}
