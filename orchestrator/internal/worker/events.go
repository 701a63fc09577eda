// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/engine"
	"mlperf-ssd/orchestrator/internal/mllog"
	"mlperf-ssd/orchestrator/internal/rendezvous"
)

// pollTime bounds how long a finished call may go unnoticed.
const pollTime = 20 * time.Millisecond

// call makes a blocking call of the engine and handles its events meanwhile; when it returns, all
// events of the call are handled. The end of the context aborts the engine.
func (w *worker) call(ctx context.Context, f func() error) error {
	stop := context.AfterFunc(ctx, w.engine.Abort)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- f() }()
	for {
		if err := w.handle(w.engine.Poll(pollTime)); err != nil {
			w.engine.Abort()
			<-done
			return err
		}
		select {
		case err := <-done:
			for events := w.engine.Poll(0); events != nil; events = w.engine.Poll(0) {
				if logErr := w.handle(events); logErr != nil {
					return logErr
				}
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		default:
		}
	}
}

func (w *worker) handle(events []engine.Event) error {
	for _, e := range events {
		if err := w.handleOne(e); err != nil {
			return err
		}
	}
	return nil
}

func (w *worker) handleOne(e engine.Event) error {
	switch e.Kind {
	case engine.EventLog:
		w.logText(e)
	case engine.EventDropped:
		w.Logger.Warn("events lost", zap.Float64("count", e.Value))
	case engine.EventTensorInit:
		return w.log.WeightsInitialized(e.Time, e.Text)
	case engine.EventLearningRate:
		w.progress.LearningRate = e.Value
	case engine.EventStep:
		return w.stepped(e)
	case engine.EventProgress:
		w.tell(rendezvous.PhaseTrain, e.Step)
	case engine.EventWhere:
		w.where = rendezvous.State{Doing: e.Text, Collectives: int64(e.Value), Waiting: e.Level > 0}
		w.tell(w.told.Phase, w.told.Step)
	case engine.EventSkipped:
		w.skipped(e)
	case engine.EventEvalBegin:
		return w.log.EvalStart(e.Time, w.evaluating[len(w.evaluating)-1])
	case engine.EventEvalEnd:
		if w.leads() {
			return w.scored(e)
		}
	case engine.EventEvalFailed:
		w.scoreError = fmt.Errorf("scoring of epoch %d: %s", w.evaluating[0], e.Text)
	}
	return nil
}

func (w *worker) logText(e engine.Event) {
	switch e.Level {
	case 0:
		w.Logger.Debug(e.Text)
	case 1:
		w.Logger.Info(e.Text)
	case 2:
		w.Logger.Warn(e.Text)
	default:
		w.Logger.Error(e.Text)
	}
}

// stepped takes the mean loss since the last report.
func (w *worker) stepped(e engine.Event) error {
	steps := e.Step - w.progress.Step
	w.progress.Iteration += steps
	w.progress.Step = e.Step
	w.progress.Loss = e.Value
	batch := w.Config.Model.BatchSize * w.Config.Ranks()
	w.progress.ImagesPerSecond = w.meter.step(e.Time, steps, batch, e.Value)
	left := w.progress.Iterations - w.progress.Iteration
	for epoch := w.progress.Epoch + 1; epoch <= w.progress.Epochs; epoch++ {
		left += w.epochs.Iterations(epoch)
	}
	if w.progress.ImagesPerSecond > 0 {
		w.progress.SecondsLeft = float64(left) * float64(batch) / w.progress.ImagesPerSecond
	}
	w.report("train")
	if w.progress.Iteration%w.Config.Run.LogInterval != 0 {
		return nil
	}
	return w.log.Stats(e.Time, mllog.Object{
		{Key: "throughput", Value: w.progress.ImagesPerSecond},
		{Key: "loss", Value: e.Value},
	}, []int64{w.progress.Epoch, w.progress.Iteration})
}

// skipped counts bad images of all ranks.
func (w *worker) skipped(e engine.Event) {
	count := &w.outcome.Skipped.Train
	if e.Text == "val" {
		count = &w.outcome.Skipped.Eval
	}
	*count += int64(e.Value)
	w.progress.Skipped = w.outcome.Skipped
}

// tellSkipped warns of the bad images since it was called last, once for all ranks.
func (w *worker) tellSkipped(epoch int64) {
	all := w.outcome.Skipped
	if all == w.toldSkipped || !w.leads() {
		return
	}
	w.Logger.Warn("bad images skipped", zap.Int64("epoch", epoch),
		zap.Int64("train", all.Train-w.toldSkipped.Train), zap.Int64("eval", all.Eval-w.toldSkipped.Eval),
		zap.Int64("so_far", all.Train+all.Eval))
	w.toldSkipped = all
}

// scored takes the accuracy of the oldest open evaluation.
func (w *worker) scored(e engine.Event) error {
	epoch := w.evaluating[0]
	w.evaluating = w.evaluating[1:]
	w.outcome.BestAP = max(w.outcome.BestAP, e.Value)
	w.outcome.Accuracy = append(w.outcome.Accuracy, Scored{Epoch: epoch, AP: e.Value})
	w.progress.Accuracy = w.outcome.Accuracy
	w.Logger.Info("evaluated", zap.Int64("epoch", epoch), zap.Float64("ap", e.Value))
	return w.log.EvalStop(e.Time, epoch, e.Value)
}

func (w *worker) report(phase string) {
	w.progress.Phase = phase
	w.progress.Losses = w.outcome.Losses
	w.Progress(w.progress)
	if phase != "done" {
		w.tell(phase, w.progress.Step)
	}
}

// tell lets the launcher know where this rank is.
func (w *worker) tell(phase string, step int64) {
	state := w.where
	state.Phase, state.Epoch, state.Step = phase, w.progress.Epoch, step
	w.told = state
	w.Member.Report(state)
}
