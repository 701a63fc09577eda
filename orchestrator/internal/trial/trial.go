// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package trial runs one trial from its seed to its closed log: begun again after a fault as far as it
// may be, shown while it runs, and written into run.json.
package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/crew"
	"mlperf-ssd/orchestrator/internal/exit"
	"mlperf-ssd/orchestrator/internal/job"
	"mlperf-ssd/orchestrator/internal/mllog"
	"mlperf-ssd/orchestrator/internal/progress"
	"mlperf-ssd/orchestrator/internal/supervise"
	"mlperf-ssd/orchestrator/internal/tee"
	"mlperf-ssd/orchestrator/internal/worker"
)

// Trial is one trial: its job, and how its workers are started.
type Trial struct {
	Job      job.Job
	Starter  crew.Starter // nil: one worker, here, without a control plane
	Resume   bool         // go on from the last checkpoint
	Restarts int          // times to begin again after a fault
	Version  string       // of this program
	Stdout   io.Writer    // gets the MLPerf log beside its file
	Stderr   *os.File     // gets the progress and the other words of all ranks
	Output   io.Writer    // gets what the ranks print, too; nil = nobody
	Logger   *zap.Logger
	// Clear empties the caches before the trial begins again, when they are full again; nil = the first
	// rank of each node does.
	Clear func(context.Context) (job.Caches, error)
}

// Prepare finds where to start and with which seed: a fixed one counts up with the trials, as no two
// logs of a result may have the same.
func (t *Trial) Prepare() error {
	j := &t.Job
	if j.Seed != 0 {
		j.Seed += int64(j.Trial)
	}
	if !t.Resume {
		if err := t.retireCheckpoints(); err != nil {
			return err
		}
	} else {
		start, err := t.resumed()
		if err != nil {
			return err
		}
		j.Start = start
		if j.Seed == 0 {
			if j.Seed, err = start.Seed(); err != nil {
				return err
			}
		}
		if err := putAside(j.LogFile()); err != nil {
			return err
		}
	}
	if j.Seed == 0 {
		return j.DrawSeed()
	}
	return nil
}

// Resumable is where a resumed trial begins, with what is wrong with newer checkpoints. It changes nothing.
func Resumable(c *config.Config) (worker.Position, []error, error) {
	start, damaged, err := worker.Latest(c.Run.LogDir)
	if err != nil {
		return start, nil, fmt.Errorf("%w\n(without --resume a launch begins anew)", err)
	}
	if start.Epoch > c.Run.Epochs {
		return start, nil, exit.Usage(fmt.Errorf("%s: run.epochs is %d, but %s is of epoch %d: nothing is left to train, set more",
			c.Origin("run.epochs"), c.Run.Epochs, start.Checkpoint, start.Epoch))
	}
	return start, damaged, nil
}

// resumed is Resumable for this trial.
func (t *Trial) resumed() (worker.Position, error) {
	start, damaged, err := Resumable(t.Job.Config)
	t.passOver(start, damaged)
	return start, err
}

// passOver names checkpoints that cannot be used.
func (t *Trial) passOver(start worker.Position, damaged []error) {
	for _, problem := range damaged {
		t.Logger.Warn("goes on at an older checkpoint", zap.String("file", start.Checkpoint), zap.Error(problem))
	}
}

// putAside keeps an interrupted log beside the new one, and those of earlier interruptions.
func putAside(log string) error {
	aside := log + ".interrupted"
	for n := 2; ; n++ {
		if _, err := os.Lstat(aside); err != nil {
			break
		}
		aside = fmt.Sprintf("%s.interrupted_%d", log, n)
	}
	if err := os.Rename(log, aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("log: %w", err)
	}
	return nil
}

// retireCheckpoints keeps a later --resume from taking up an earlier run.
func (t *Trial) retireCheckpoints() error {
	retired, err := worker.Retire(t.Job.Config.Run.LogDir)
	if err == nil && retired != "" {
		t.Logger.Warn("checkpoints of an earlier run are now in " + retired)
	}
	return err
}

// ending is how an attempt of a trial ended.
type ending struct {
	outcome worker.Outcome
	err     error
	step    int64 // the farthest that any rank has come
}

// take reads a message of rank 0.
func (e *ending) take(raw []byte, view *progress.View) (job.Message, bool) {
	var m job.Message
	if json.Unmarshal(raw, &m) != nil {
		return m, false
	}
	if p := m.Progress; p != nil {
		view.Update(*p)
		e.step = max(e.step, p.Step)
		// All that is known should the worker be killed.
		e.outcome.Steps, e.outcome.Losses, e.outcome.Accuracy = p.Step, p.Losses, p.Accuracy
		e.outcome.Skipped = p.Skipped
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
func (t *Trial) once(ctx context.Context) ending {
	view := progress.New(t.Stderr)
	e := ending{outcome: worker.Outcome{Status: "aborted", Seed: t.Job.Seed}}
	if t.Starter == nil {
		e.err = t.alone(ctx, &e, view)
	} else {
		e.err = t.several(ctx, &e, view)
	}
	if _, err := mllog.CloseAborted(t.Job.LogFile(), time.Now()); err != nil && !errors.Is(err, os.ErrNotExist) {
		e.err = errors.Join(e.err, err)
	}
	c := t.Job.Config
	view.Finish(e.outcome, progress.End{Target: c.Eval.Target, Smoke: c.Run.Smoke, Stopped: e.err != nil || ctx.Err() != nil})
	return e
}

// both is out and the trial's further output.
func (t *Trial) both(out io.Writer) io.Writer {
	if t.Output != nil {
		return tee.New(t.Output, out, func(err error) { t.Logger.Warn("the output goes on in its file alone", zap.Error(err)) })
	}
	return out
}

func (t *Trial) alone(ctx context.Context, e *ending, view *progress.View) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("launch: %w", err)
	}
	text, err := json.Marshal(t.Job)
	if err != nil {
		return fmt.Errorf("launch: job: %w", err)
	}
	cause := ""
	err = supervise.Run(ctx, supervise.Child{
		Path:   self,
		Args:   []string{"worker"},
		Input:  text,
		Grace:  crew.Grace,
		Stdout: t.both(t.Stdout),
		Stderr: t.both(view.Errors()),
		Progress: func(raw json.RawMessage) {
			if m, ok := e.take(raw, view); ok {
				cause += m.Error
			}
		},
	})
	var died *supervise.ExitError
	switch {
	case err == nil || cause == "":
		return err
	case errors.As(err, &died) && died.Signal == 0: // it ended by itself and has said why
		return errors.New(cause)
	default:
		return fmt.Errorf("%w: %s", err, cause)
	}
}

// several runs the trial's ranks, and gives the cause of their end.
func (t *Trial) several(ctx context.Context, e *ending, view *progress.View) error {
	ranks := crew.Crew{
		Starter: t.Starter,
		Job:     t.Job,
		Version: t.Version,
		Stdout:  t.both(t.Stdout),
		Stderr:  t.both(view.Errors()),
		Logger:  t.Logger,
		Note: func(rank int, note []byte) {
			if rank == 0 {
				e.take(note, view)
			}
		},
	}
	room, err := ranks.Run(ctx)
	if room != nil {
		e.step = max(e.step, room.Farthest())
	}
	return err
}
