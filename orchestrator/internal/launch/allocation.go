// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/container"
	"mlperf-ssd/orchestrator/internal/crew"
	"mlperf-ssd/orchestrator/internal/exit"
	"mlperf-ssd/orchestrator/internal/mllog"
	"mlperf-ssd/orchestrator/internal/slurm"
)

// slurmJob is a launch inside an allocation.
type slurmJob struct {
	Options
	engine     string
	allocation *slurm.Allocation
	ledger     *slurm.Ledger
	datestamp  string
}

// inAllocation does what the submission's run.sub did (spec section 16).
func (o Options) inAllocation(ctx context.Context, allocated *slurm.Job) (err error) {
	s, err := o.slurmJob(allocated)
	if err != nil {
		return err
	}
	if err := s.allocation.Check(int(o.Config.Cluster.Nodes)); err != nil {
		return exit.Usage(err)
	}
	if err := errors.Join(checkPaths(s.Config), checkWritable(s.Config)); err != nil {
		return exit.Usage(err)
	}
	if o.DryRun {
		return o.printPlan(planOf(s.Config, s.engine))
	}
	defer func() {
		// Also after Ctrl-C: a container outlives its job.
		err = errors.Join(err, s.allocation.RemoveContainer(context.WithoutCancel(ctx)))
	}()
	hostOS, err := s.allocation.HostOS(ctx)
	if err != nil {
		return err
	}
	if err := s.makeFolders(ctx); err != nil {
		return err
	}
	release, err := claim(s.Config.Run.LogDir)
	if err != nil {
		return err
	}
	defer release()
	if err := s.setUp(ctx, hostOS); err != nil {
		return err
	}
	return s.trials(ctx)
}

func (o Options) slurmJob(allocated *slurm.Job) (*slurmJob, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("launch: %w", err)
	}
	c := o.Config
	makeAbsolute(c, dir)
	s := &slurmJob{Options: o, datestamp: c.Run.Datestamp}
	if s.datestamp == "" {
		now := time.Now()
		s.datestamp = now.Format("060102150405") + fmt.Sprintf("%09d", now.Nanosecond())
	}
	if _, warnings, err := timeLimit(c); err != nil {
		return nil, exit.Usage(err)
	} else if c.Cluster.WallTime != "" {
		for _, text := range warnings {
			s.Logger.Warn(text)
		}
	}
	s.allocation = &slurm.Allocation{Runner: slurm.Exec{}, Job: allocated, RanksPerNode: int(c.Cluster.GPUsPerNode), GPUsPerNode: gpusPerNode(c), Stderr: o.Stderr}
	if c.Device.Kind == "auto" && allocated.GPUs >= s.allocation.RanksPerNode {
		s.allocation.GPUsPerNode = s.allocation.RanksPerNode
	}
	if image := c.Cluster.Container; image != "" {
		s.engine = o.Engine // empty: the image's own
		s.allocation.Container, err = pyxis(c, allocated, dir)
		return s, err
	}
	s.engine, err = o.findEngine()
	return s, err
}

// pyxis is the container of a job, with what the configuration names.
func pyxis(c *config.Config, allocated *slurm.Job, dir string) (*container.Pyxis, error) {
	image, err := container.EnrootImage(c.Cluster.Container, dir)
	if err != nil {
		return nil, exit.Usage(err)
	}
	paths, err := container.Mounts(mounts(c))
	if err != nil {
		return nil, exit.Usage(err)
	}
	return &container.Pyxis{Image: image, Name: container.PyxisName(allocated.ID, allocated.Restarts), WorkDir: c.Run.LogDir, Mounts: paths}, nil
}

// makeFolders makes those that all nodes write into.
func (s *slurmJob) makeFolders(ctx context.Context) error {
	for _, folder := range outputs(s.Config) {
		if err := s.allocation.MakeFolder(ctx, folder.dir); err != nil {
			return err
		}
	}
	return nil
}

// setUp is all else before the first trial.
func (s *slurmJob) setUp(ctx context.Context, hostOS string) (err error) {
	a, logs := s.allocation, s.Config.Run.LogDir
	if s.ledger, err = slurm.OpenLedger(ledgerFile(logs, a.Job.ID), a.Job.ID); err != nil {
		return err
	}
	s.ledger.HostOS = hostOS
	if n := s.ledger.Anew(a.Job.Restarts); n > 0 {
		s.Logger.Warn(fmt.Sprintf("an earlier launch of job %s has run trials into %s, %d in all: they begin anew", a.Job.ID, logs, n))
	}
	if err := s.closeCutOff(); err != nil {
		return err
	}
	if err := a.SetUpContainer(ctx); err != nil {
		return err
	}
	return s.crew(s.engine, s.srun()).Test(ctx)
}

// srun starts ranks on all nodes.
func (s *slurmJob) srun() *crew.Srun {
	return &crew.Srun{Allocation: s.allocation, Binding: crew.Binding(s.Config)}
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
			t.Error, t.ExitCode = "the job was cut off and started again", exit.Failed
		}
		t.Status, t.PutAside = slurm.TrialAborted, true
		s.Logger.Warn(fmt.Sprintf("trial %d was cut off: its log is %s (closed as aborted: %v); it begins anew", t.Trial, t.MLLog, closed))
	}
	return s.ledger.Save()
}
