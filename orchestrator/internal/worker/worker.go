// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package worker is the life of one rank: prepare the engine, run epochs and evaluations by the
// schedule, stop by the rule, and write the MLPerf log of it (spec sections 10 and 11). Start reading
// at Run.
package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/engine"
	"mlperf-ssd/orchestrator/internal/mllog"
	"mlperf-ssd/orchestrator/internal/rendezvous"
	"mlperf-ssd/orchestrator/internal/schedule"
	"mlperf-ssd/proto/ssdpb"
)

// Options are what a worker needs; none may be missing but Start.
type Options struct {
	Config   *config.Config
	Seed     int64
	Rank     int
	Member   rendezvous.Member // of the run; Alone for one rank
	Open     func(*ssdpb.EngineConfig) (engine.Engine, error)
	Backbone string // safetensors; empty = random
	Start    Position
	LogDir   string         // checkpoints go below
	MLLog    io.Writer      // the log of this trial, of which only rank 0's counts
	Progress func(Progress) // called from Run's goroutine
	Logger   *zap.Logger
	Clear    func() error // drops the system's caches
}

// Position is where a resumed run goes on; zero for a new one.
type Position struct {
	Checkpoint             string
	Epoch, Iteration, Step int64
}

type worker struct {
	Options
	engine engine.Engine
	log    *mllog.Run
	epochs schedule.Epochs

	progress    Progress
	outcome     Outcome
	evaluating  []int64 // epochs begun and not scored, oldest first
	scoreError  error
	toldSkipped Skipped          // in the log for people
	where       rendezvous.State // in the engine
	told        rendezvous.State // last, to the launcher
	meter       meter
}

// Run trains until the target or the last epoch. The log is closed as aborted on any error, also when
// the context ends or the run is over because of another rank.
func Run(ctx context.Context, options Options) (Outcome, error) {
	w := &worker{Options: options, log: mllog.New(options.MLLog), epochs: options.Config.Epochs()}
	w.outcome = Outcome{Status: "aborted", Seed: options.Seed}
	w.progress.Epochs = options.Config.Run.Epochs
	ctx, stop := rendezvous.While(ctx, w.Member)
	defer stop()
	err := w.run(ctx)
	if w.engine != nil {
		w.engine.Destroy()
	}
	if w.log.Running() {
		err = errors.Join(err, w.log.RunStop(time.Now(), w.leads() && w.outcome.Status == "success"))
	}
	w.report("done")
	return w.outcome, err
}

// leads says whether this is the rank that logs, scores, decides and saves.
func (w *worker) leads() bool { return w.Rank == 0 }

func (w *worker) run(ctx context.Context) error {
	if err := w.initialize(ctx); err != nil {
		return err
	}
	if err := w.barrier(ctx, "run_start"); err != nil {
		return err
	}
	start := time.Now()
	defer func() {
		w.outcome.RunSeconds = time.Since(start).Seconds()
		w.outcome.ImagesPerSecond = w.meter.mean()
	}()
	if err := w.startClock(start); err != nil {
		return err
	}
	for epoch := max(1, w.Start.Epoch); epoch <= w.Config.Run.Epochs; epoch++ {
		if err := w.trainEpoch(ctx, epoch); err != nil {
			return err
		}
		if w.Config.Evaluations().After(epoch) {
			if err := w.evaluate(ctx, epoch); err != nil {
				return err
			}
		}
		passed, err := w.decide(ctx, epoch)
		if err != nil {
			return err
		}
		if passed {
			w.outcome.Status = "success"
			break
		}
	}
	if err := w.barrier(ctx, "run_stop"); err != nil { // a success is one of all ranks
		w.outcome.Status = "aborted"
		return err
	}
	return w.stopClock()
}

// barrier waits for all ranks, whom nobody blames for it.
func (w *worker) barrier(ctx context.Context, name string) error {
	w.tell(rendezvous.PhaseWait, w.progress.Step)
	return w.Member.Barrier(ctx, name)
}

// decide says on every rank what rank 0 makes of the scores that it has at the end of an epoch; those of
// the last epoch are awaited.
func (w *worker) decide(ctx context.Context, epoch int64) (passed bool, err error) {
	if w.leads() {
		if epoch == w.Config.Run.Epochs {
			if err := w.awaitScores(ctx); err != nil {
				return false, err
			}
		}
		if w.scoreError != nil {
			return false, w.scoreError
		}
	}
	decision := []byte{0}
	if w.passed() >= 0 {
		decision[0] = 1
	}
	if !w.leads() {
		w.tell(rendezvous.PhaseWait, w.progress.Step)
	}
	decision, err = w.Member.Broadcast(ctx, fmt.Sprintf("stop after epoch %d", epoch), decision)
	return err == nil && len(decision) == 1 && decision[0] == 1, err
}

// passed is the first score that reaches the target, -1 if none does.
func (w *worker) passed() int {
	return slices.IndexFunc(w.outcome.Accuracy, func(s Scored) bool { return schedule.Reached(s.AP, w.Config.Eval.Target) })
}

// stopClock ends the log of a run that went to its end, with the epoch whose score passed.
func (w *worker) stopClock() error {
	success := w.outcome.Status == "success"
	if !w.leads() {
		return nil
	}
	if err := w.log.RunStop(time.Now(), success); err != nil || !success {
		return err
	}
	epoch := strconv.FormatInt(w.outcome.Accuracy[w.passed()].Epoch, 10)
	return w.log.Stats(time.Now(), mllog.Object{{Key: "d_convergence", Value: epoch}}, epoch)
}

// initialize is everything before the clock: it never opens the data set.
func (w *worker) initialize(ctx context.Context) error {
	c, now := w.Config, time.Now
	if err := w.log.Submission(now(), mllog.Submission(c.Submission)); err != nil {
		return err
	}
	if err := w.Clear(); err != nil {
		w.Logger.Warn("caches not dropped: the log lacks cache_clear, which the rules want", zap.Error(err))
	} else if err := w.log.CacheClear(now()); err != nil {
		return err
	}
	if err := errors.Join(w.log.InitStart(now()), w.log.Seed(now(), w.Seed)); err != nil {
		return err
	}
	ec := c.Engine(w.Seed)
	ec.Model.Backbone = w.Backbone
	ec.ResumeFrom = w.Start.Checkpoint
	if err := w.log.Hyper(now(), mllog.Hyper{
		TrainSamples: c.Data.TrainSamples,
		EvalSamples:  c.Data.EvalSamples,
		MaxSamples:   c.Data.MaxSamples,
		WarmupSteps:  ec.Optimizer.WarmupSteps,
		WarmupFactor: c.Optimizer.WarmupFactor,
		BaseLR:       ec.Optimizer.BaseLr,
		WeightDecay:  c.Optimizer.WeightDecay,
		DecayEpochs:  c.Optimizer.DecayEpochs,
	}); err != nil {
		return err
	}
	w.report("prepare")
	var err error
	if w.engine, err = w.Open(ec); err != nil {
		return err
	}
	if err := w.connect(ctx); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if err := w.call(ctx, w.engine.Prepare); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	return w.log.InitStop(now())
}

// connect lets the engines of all ranks meet.
func (w *worker) connect(ctx context.Context) error {
	world := w.Member.World()
	if world == 1 {
		return nil
	}
	address, err := w.engine.Address(w.Rank, world)
	if err != nil {
		return err
	}
	w.tell(rendezvous.PhaseWait, 0)
	addresses, err := w.Member.Gather(ctx, "addresses", address)
	if err != nil {
		return err
	}
	w.tell(rendezvous.PhasePrepare, 0)
	return w.call(ctx, func() error { return w.engine.Connect(addresses) })
}

func (w *worker) startClock(at time.Time) error {
	if err := w.log.RunStart(at); err != nil {
		return err
	}
	c := w.Config
	return w.log.Shape(time.Now(), c.Model.BatchSize*c.Model.BNGroup, c.Model.BatchSize*c.Ranks())
}
