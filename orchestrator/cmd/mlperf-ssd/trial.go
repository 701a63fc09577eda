// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/mllog"
	"mlperf-ssd/orchestrator/internal/progress"
	"mlperf-ssd/orchestrator/internal/rendezvous"
	"mlperf-ssd/orchestrator/internal/supervise"
	"mlperf-ssd/orchestrator/internal/worker"
)

// grace is how long a worker may take to close its log after being asked to stop.
const grace = 20 * time.Second

// prepareJob finds where to start and with which seed: a fixed one counts up with the trials, as no two
// logs of a result may have the same.
func prepareJob(c *cli.Context, j *job) error {
	if j.Seed != 0 {
		j.Seed += int64(j.Trial)
	}
	if !c.Bool("resume") {
		if err := retireCheckpoints(j.Config.Run.LogDir); err != nil {
			return err
		}
	} else {
		start, err := worker.Latest(j.Config.Run.LogDir)
		if err != nil {
			return err
		}
		j.Start = start
		if j.Seed == 0 {
			if j.Seed, err = start.Seed(); err != nil {
				return err
			}
		}
		// The interrupted log stays readable beside the new one.
		if err := os.Rename(j.logFile(), j.logFile()+".interrupted"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("log: %w", err)
		}
	}
	if j.Seed == 0 {
		return j.drawSeed()
	}
	return nil
}

// drawSeed takes a seed of 31 bits, not 0, from the system.
func (j *job) drawSeed() error {
	n, err := rand.Int(rand.Reader, big.NewInt(1<<31-1))
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	j.Seed = n.Int64() + 1
	return nil
}

// retireCheckpoints keeps a later --resume from taking up an earlier run.
func retireCheckpoints(logDir string) error {
	retired, err := worker.Retire(logDir)
	if err == nil && retired != "" {
		newLogger().Warn("checkpoints of an earlier run are now in " + retired)
	}
	return err
}

// trial is one trial: its job, and how its workers are started.
type trial struct {
	cli *cli.Context
	job
	starter starter   // nil: one worker, here, without a control plane
	output  io.Writer // also gets what the ranks print; nil = nobody
}

// ending is how an attempt of a trial ended.
type ending struct {
	outcome worker.Outcome
	err     error
	step    int64 // the farthest that any rank has come
}

// take reads a message of rank 0.
func (e *ending) take(raw []byte, view *progress.View) (message, bool) {
	var m message
	if json.Unmarshal(raw, &m) != nil {
		return m, false
	}
	if p := m.Progress; p != nil {
		view.Update(*p)
		e.step = max(e.step, p.Step)
		// All that is known should the worker be killed.
		e.outcome.Steps, e.outcome.Losses, e.outcome.Accuracy = p.Step, p.Losses, p.Accuracy
		if e.outcome.Epochs = p.Epoch; p.Iteration < p.Iterations {
			e.outcome.Epochs--
		}
		for _, scored := range p.Accuracy {
			e.outcome.BestAP = max(e.outcome.BestAP, scored.AP)
		}
	}
	if m.Outcome != nil {
		e.outcome = *m.Outcome
	}
	return m, true
}

// once runs the trial's workers to their end and closes the log if they could not.
func (t *trial) once() ending {
	view := progress.New(os.Stderr)
	e := ending{outcome: worker.Outcome{Status: "aborted", Seed: t.Seed}}
	if t.starter == nil {
		e.err = t.alone(&e, view)
	} else {
		e.err = t.several(&e, view)
	}
	if _, err := mllog.CloseAborted(t.logFile(), time.Now()); err != nil && !errors.Is(err, os.ErrNotExist) {
		e.err = errors.Join(e.err, err)
	}
	view.Finish(e.outcome, t.Config.Eval.Target)
	return e
}

// stdout is where the log goes besides its file.
func (t *trial) stdout() io.Writer {
	out := t.cli.App.Writer
	if t.cli.Bool("json") || progress.IsTerminal(os.Stdout) {
		out = io.Discard
	}
	if t.output != nil {
		out = io.MultiWriter(out, t.output)
	}
	return out
}

func (t *trial) stderr(view *progress.View) io.Writer {
	if t.output != nil {
		return io.MultiWriter(view.Errors(), t.output)
	}
	return view.Errors()
}

func (t *trial) alone(e *ending, view *progress.View) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("launch: %w", err)
	}
	text, err := json.Marshal(t.job)
	if err != nil {
		return fmt.Errorf("launch: job: %w", err)
	}
	cause := ""
	err = supervise.Run(t.cli.Context, supervise.Child{
		Path:   self,
		Args:   []string{"worker"},
		Input:  text,
		Grace:  grace,
		Stdout: t.stdout(),
		Stderr: t.stderr(view),
		Progress: func(raw json.RawMessage) {
			if m, ok := e.take(raw, view); ok {
				cause += m.Error
			}
		},
	})
	if err != nil && cause != "" {
		err = fmt.Errorf("%w: %s", err, cause)
	}
	return err
}

// verdict is what launch makes of a worker's end. A run that reached the target has succeeded, even if
// it was told to stop just then.
func verdict(ctx context.Context, c *config.Config, o worker.Outcome, runErr error) error {
	stopped := ctx.Err() != nil
	var died *supervise.ExitError
	killed := errors.As(runErr, &died) && died.Signal != 0
	var failed *rendezvous.Failure
	failedBefore := errors.As(runErr, &failed) && failed.Rank >= 0
	switch {
	case o.Status == "success" && (runErr == nil || stopped && !killed):
		return nil
	case failedBefore:
		return runErr
	case stopped && killed:
		return &exitError{exitInterrupted, fmt.Errorf("interrupted: %w", runErr)}
	case stopped:
		return &exitError{exitInterrupted, errors.New("interrupted: the log is closed as aborted")}
	case runErr != nil:
		return runErr
	case o.Status != "success" && !c.Run.Smoke:
		return fmt.Errorf("the target %v was not reached in %d epochs: best AP %.4f", c.Eval.Target, o.Epochs, o.BestAP)
	default:
		return nil
	}
}
