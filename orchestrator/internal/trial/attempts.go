// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"context"
	"errors"
	"fmt"
	"os"

	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/exit"
	"mlperf-ssd/orchestrator/internal/job"
	"mlperf-ssd/orchestrator/internal/worker"
)

// maxStuck is how many restarts without progress end a run.
const maxStuck = 3

// Run runs the prepared trial, again after a fault if it may, and writes it into run.json.
func (t *Trial) Run(ctx context.Context) error {
	var err error
	record := Record{Trial: t.Job.Trial}
	stuck, best := 0, int64(-1)
	for {
		e := t.once(ctx)
		err = verdict(ctx, t.Job.Config, e.outcome, e.err)
		record.Outcome = e.outcome
		if err == nil || e.err == nil || ctx.Err() != nil || record.Restarts == t.Restarts {
			break
		}
		reached, prepareErr := t.prepareRestart(ctx, record.Restarts, e)
		if prepareErr != nil {
			err = errors.Join(err, prepareErr)
			break
		}
		if stuck++; reached > best {
			best, stuck = reached, 0
		}
		if stuck == maxStuck {
			err = exit.With(exit.Stuck, fmt.Errorf("%d restarts without progress beyond step %d: %w", maxStuck, best, err))
			break
		}
		record.Restarts++
		t.Logger.Warn("begins again", zap.Int("restart", record.Restarts), zap.Int64("step", t.Job.Start.Step), zap.Error(err))
	}
	record.fail(err)
	return errors.Join(err, save(t.Job.Config, t.Version, record))
}

// prepareRestart sets the ended log aside and finds where to begin again. It gives what counts as
// progress: the step of the checkpoint, or in a timed trial, which begins anew, the farthest step.
func (t *Trial) prepareRestart(ctx context.Context, restart int, e ending) (int64, error) {
	if t.Job.Caches == job.CachesCleared {
		if err := t.clear(ctx); err != nil {
			return 0, err
		}
	}
	aside := fmt.Sprintf("%s.aborted_%d", t.Job.LogFile(), restart+1)
	if err := os.Rename(t.Job.LogFile(), aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, fmt.Errorf("restart: log: %w", err)
	}
	if t.Job.Config.Run.Timed {
		if t.Job.Config.Run.Seed == 0 {
			if err := t.Job.DrawSeed(); err != nil {
				return 0, err
			}
		}
		t.Job.Start = worker.Position{}
		return e.step, t.retireCheckpoints()
	}
	start, damaged, err := worker.Latest(t.Job.Config.Run.LogDir)
	t.passOver(start, damaged)
	if err != nil {
		t.Logger.Warn("begins at the first step", zap.Error(err))
		start = worker.Position{}
	}
	t.Job.Start = start
	return start.Step, nil
}

func (t *Trial) clear(ctx context.Context) (err error) {
	t.Job.Caches = job.CachesDrop
	if t.Clear != nil {
		t.Job.Caches, err = t.Clear(ctx)
	}
	return err
}
