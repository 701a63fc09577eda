// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"

	"mlperf-ssd/orchestrator/internal/crew"
	"mlperf-ssd/orchestrator/internal/exit"
	"mlperf-ssd/orchestrator/internal/job"
	"mlperf-ssd/orchestrator/internal/trial"
)

// onHost runs all trials as processes of this host.
func (o Options) onHost(ctx context.Context) error {
	c := o.Config
	if n := c.Cluster.Nodes; n > 1 {
		return exit.Usage(fmt.Errorf("%s: cluster.nodes is %d, but here is one: leave --local away to submit to Slurm, or --nproc N runs N ranks here",
			c.Origin("cluster.nodes"), n))
	}
	if err := errors.Join(checkPaths(c), checkWritable(c)); err != nil {
		return exit.Usage(err)
	}
	engine, err := o.findEngine()
	if err != nil {
		return err
	}
	if o.Resume && c.Run.Trials > 1 {
		return exit.Usage(fmt.Errorf("%s: --resume goes on with one trial, not %d: --set run.trials=1",
			c.Origin("run.trials"), c.Run.Trials))
	}
	if o.Caches == job.CachesDrop { // a container's host does it itself
		if err := o.checkCaches(); err != nil {
			return err
		}
	}
	if o.Resume {
		if _, _, err := trial.Resumable(c); err != nil {
			return err
		}
	}
	if o.DryRun {
		return o.printPlan(planOf(c, engine))
	}
	if err := makeOutputs(c); err != nil {
		return err
	}
	release, err := claim(c.Run.LogDir)
	if err != nil {
		return err
	}
	defer release()
	var ranks crew.Starter
	if c.Ranks() > 1 {
		local, err := crew.NewLocal(ctx, c, o.Logger)
		if err != nil {
			return exit.Usage(err)
		}
		ranks = local
	}
	if o.FirstTrial == 0 {
		if err := o.crew(engine, ranks).Test(ctx); err != nil {
			return err
		}
	}
	err = o.hostTrials(ctx, engine, ranks)
	if o.JSON {
		err = errors.Join(err, trial.Print(o.Stdout, c))
	}
	return err
}

// crew are the ranks without a trial, for tests.
func (o Options) crew(engine string, ranks crew.Starter) crew.Crew {
	return crew.Crew{Starter: ranks, Job: job.Job{Config: o.Config, Engine: engine}, Version: o.Version, Stderr: o.Stderr, Logger: o.Logger}
}

// clearAndRun clears the caches, unless a container's host has, and runs a trial.
func (o Options) clearAndRun(ctx context.Context, t *trial.Trial) (err error) {
	if o.Caches == job.CachesDrop {
		t.Clear = o.trialCaches
		if t.Job.Caches, err = o.trialCaches(ctx); err != nil {
			return err
		}
	}
	return t.Run(ctx)
}

// hostTrials runs all trials on this host. One that fails does not end the rest.
func (o Options) hostTrials(ctx context.Context, engine string, ranks crew.Starter) error {
	c := o.Config
	var failures []error
	for n := range int(c.Run.Trials) {
		j := job.Job{Config: c, Engine: engine, Trial: o.FirstTrial + n, Seed: c.Run.Seed, Caches: o.Caches}
		t := o.newTrial(j)
		t.Starter = ranks
		if err := t.Prepare(); err != nil {
			return errors.Join(append(failures, err)...)
		}
		err := o.clearAndRun(ctx, t)
		if err != nil && c.Run.Trials > 1 {
			err = fmt.Errorf("trial %d: %w", n, err)
			o.Logger.Error(err.Error())
		}
		if err != nil {
			failures = append(failures, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failures...)
}
