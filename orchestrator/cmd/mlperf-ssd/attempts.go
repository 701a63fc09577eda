// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"
	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/worker"
)

// maxStuck is how many restarts without progress end a run, with the exit code exitStuck.
const (
	maxStuck  = 3
	exitStuck = 3
)

func restartsFlag() cli.Flag {
	return &cli.IntFlag{Name: "restarts", Usage: "begin again up to `N` times after a fault: at the last checkpoint, or anew if run.timed"}
}

// run runs the trial, again after a fault if --restarts says so, and writes it into run.json.
func (t *trial) run() error {
	var err error
	record := trialRecord{Trial: t.Trial}
	restarts, stuck, best := t.cli.Int("restarts"), 0, int64(-1)
	for {
		e := t.once()
		err = verdict(t.cli.Context, t.Config, e.outcome, e.err)
		record.Outcome = e.outcome
		if err == nil || e.err == nil || t.cli.Context.Err() != nil || record.Restarts == restarts {
			break
		}
		reached, prepareErr := t.prepareRestart(record.Restarts, e)
		if prepareErr != nil {
			err = errors.Join(err, prepareErr)
			break
		}
		if stuck++; reached > best {
			best, stuck = reached, 0
		}
		if stuck == maxStuck {
			err = &exitError{exitStuck, fmt.Errorf("%d restarts without progress beyond step %d: %w", maxStuck, best, err)}
			break
		}
		record.Restarts++
		newLogger().Warn("begins again", zap.Int("restart", record.Restarts), zap.Int64("step", t.Start.Step), zap.Error(err))
	}
	record.fail(err)
	return errors.Join(err, saveTrial(t.Config, record))
}

// prepareRestart sets the ended log aside and finds where to begin again. It gives what counts as
// progress: the step of the checkpoint, or in a timed trial, which begins anew, the farthest step.
func (t *trial) prepareRestart(restart int, e ending) (int64, error) {
	if t.Caches == cachesCleared {
		t.Caches = cachesDrop // they are full again
	}
	aside := fmt.Sprintf("%s.aborted_%d", t.logFile(), restart+1)
	if err := os.Rename(t.logFile(), aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, fmt.Errorf("restart: log: %w", err)
	}
	if t.Config.Run.Timed {
		if t.Config.Run.Seed == 0 {
			if err := t.drawSeed(); err != nil {
				return 0, err
			}
		}
		t.Start = worker.Position{}
		return e.step, retireCheckpoints(t.Config.Run.LogDir)
	}
	start, err := worker.Latest(t.Config.Run.LogDir)
	if err != nil {
		newLogger().Warn("begins at the first step", zap.Error(err))
		start = worker.Position{}
	}
	t.Start = start
	return start.Step, nil
}
