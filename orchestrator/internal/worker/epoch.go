// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"context"
	"fmt"
	"time"

	"mlperf-ssd/orchestrator/internal/mllog"
)

// trainEpoch runs what is left of an epoch, with checkpoints where they are due.
func (w *worker) trainEpoch(ctx context.Context, epoch int64) error {
	iterations := w.epochs.Iterations(epoch)
	done := int64(0)
	if epoch == w.Start.Epoch {
		done = min(w.Start.Iteration, iterations)
		w.progress.Step = w.Start.Step
	}
	w.progress.Epoch, w.progress.Iteration, w.progress.Iterations = epoch, done, iterations
	if err := w.log.EpochStart(time.Now(), epoch, done); err != nil {
		return err
	}
	w.report("train")
	w.meter.begin(time.Now(), w.progress.Step)
	for done < iterations {
		steps := w.untilCheckpoint(iterations - done)
		if err := w.call(ctx, func() error { return w.engine.Train(epoch, steps) }); err != nil {
			return fmt.Errorf("epoch %d: %w", epoch, err)
		}
		// A STEP event may have been dropped; the count may not depend on it.
		done += steps
		w.progress.Step += done - w.progress.Iteration
		w.progress.Iteration = done
		if every := w.Config.Run.CheckpointEverySteps; every > 0 && w.progress.Step%every == 0 {
			if err := w.checkpoint(ctx); err != nil {
				return err
			}
		}
	}
	w.outcome.Epochs, w.outcome.Steps = epoch, w.progress.Step
	if err := w.endEpoch(epoch); err != nil {
		return err
	}
	if every := w.Config.Run.CheckpointEvery; every > 0 && epoch%every == 0 {
		return w.checkpoint(ctx)
	}
	return nil
}

// untilCheckpoint is how many of the given steps may run before the next checkpoint by steps.
func (w *worker) untilCheckpoint(steps int64) int64 {
	if every := w.Config.Run.CheckpointEverySteps; every > 0 {
		return min(steps, every-w.progress.Step%every)
	}
	return steps
}

func (w *worker) endEpoch(epoch int64) error {
	now := time.Now()
	w.tellSkipped(epoch)
	if err := w.log.EpochStop(now); err != nil {
		return err
	}
	throughput, loss := w.meter.end(now, w.progress.Step, w.Config.Model.BatchSize*w.Config.Ranks())
	if w.progress.Step == w.meter.first { // resumed at the epoch's end
		return nil
	}
	w.outcome.Losses = append(w.outcome.Losses, loss)
	return w.log.Stats(now, mllog.Object{
		{Key: "throughput", Value: throughput},
		{Key: "lr", Value: w.progress.LearningRate},
		{Key: "loss", Value: loss},
	}, epoch)
}

// evaluate infers the evaluation images; the score comes as an event.
func (w *worker) evaluate(ctx context.Context, epoch int64) error {
	w.evaluating = append(w.evaluating, epoch)
	w.report("evaluate")
	if err := w.call(ctx, w.engine.Evaluate); err != nil {
		return fmt.Errorf("evaluation of epoch %d: %w", epoch, err)
	}
	w.tellSkipped(epoch)
	return nil
}

// awaitScores waits for the evaluations that are still being scored.
func (w *worker) awaitScores(ctx context.Context) error {
	for len(w.evaluating) > 0 && w.scoreError == nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := w.handle(w.engine.Poll(pollTime)); err != nil {
			return err
		}
	}
	return nil
}
