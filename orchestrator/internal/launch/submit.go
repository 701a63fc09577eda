// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"mlperf-ssd/orchestrator/internal/exit"
	"mlperf-ssd/orchestrator/internal/slurm"
)

// submission is what a submit has to say.
type submission struct {
	Job      string   `json:"job,omitempty"`
	Log      string   `json:"log"`
	State    string   `json:"state,omitempty"`
	ExitCode int      `json:"exit_code"`
	Warnings []string `json:"warnings,omitempty"`
	Script   string   `json:"script"`
}

// submit hands the launch to Slurm, and follows its job.
func (o Options) submit(ctx context.Context) error {
	plan, warnings, err := o.script()
	if err != nil {
		return err
	}
	script, err := plan.Script()
	if err != nil {
		return exit.Usage(err)
	}
	if err := checkWritable(o.Config); err != nil {
		return exit.Usage(err)
	}
	for _, text := range warnings {
		o.Logger.Warn(text)
	}
	s := submission{Log: plan.Output, Warnings: warnings, Script: script}
	if o.DryRun {
		if o.JSON {
			return printJSON(o.Stdout, s)
		}
		_, err := io.WriteString(o.Stdout, script)
		return err
	}
	forecast, err := slurm.TestOnly(ctx, slurm.Exec{}, script)
	if err != nil {
		return err
	}
	o.Logger.Info(forecast)
	if err := os.MkdirAll(filepath.Dir(plan.Output), 0o755); err != nil {
		return fmt.Errorf("run.log_dir: %w", err)
	}
	if s.Job, err = slurm.Submit(ctx, slurm.Exec{}, script); err != nil {
		return err
	}
	s.Log = strings.ReplaceAll(plan.Output, "%j", s.Job)
	o.Logger.Info(fmt.Sprintf("job %s: submitted, prints into %s", s.Job, s.Log))
	out := o.Stdout
	if o.JSON {
		out = io.Discard // it is in the file
	}
	if !o.Detach {
		s.State, err = followJob(ctx, slurm.Exec{}, s, out, func(text string) { o.Logger.Info(text) })
		s.ExitCode = exit.CodeOf(err)
		if state := (slurm.State{Word: s.State}); err != nil && state.Ended() {
			err = errors.Join(err, o.closeLost(s.Job, err))
		}
	}
	switch {
	case o.JSON:
		return errors.Join(err, printJSON(o.Stdout, s))
	case o.Detach:
		_, err = fmt.Fprintln(o.Stdout, s.Job)
	}
	return err
}

// followJob shows the job's output until it ends, and gives its end as this program's own.
func followJob(ctx context.Context, runner slurm.Runner, s submission, out io.Writer, say func(string)) (string, error) {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	follower := slurm.Follower{Runner: runner, Job: s.Job, Log: s.Log, Out: out, Say: say, Interrupt: interrupts}
	// Ctrl-C, which ends the command's context, is a question here.
	ctx, stop := signal.NotifyContext(context.WithoutCancel(ctx), exit.Demands()...)
	defer stop()
	state, err := follower.Follow(ctx)
	switch {
	case ctx.Err() != nil:
		return state.Word, exit.With(exit.Interrupted, fmt.Errorf("job %s goes on: its log is %s, `scancel %s` ends it", s.Job, s.Log, s.Job))
	case errors.Is(err, context.Canceled):
		return state.Word, exit.With(exit.Interrupted, fmt.Errorf("job %s is being cancelled; its log is %s", s.Job, s.Log))
	case errors.Is(err, slurm.ErrForgotten):
		return state.Word, fmt.Errorf("job %s has ended, how is not known any more: see %s", s.Job, s.Log)
	case err != nil:
		return state.Word, err
	case state.Word == "COMPLETED":
		return state.Word, nil
	case state.Word == "CANCELLED":
		return state.Word, exit.With(exit.Interrupted, fmt.Errorf("job %s was cancelled: see %s", s.Job, s.Log))
	case state.Word == "FAILED" && state.Code != 0:
		return state.Word, exit.With(state.Code, fmt.Errorf("job %s failed with exit code %d: see %s", s.Job, state.Code, s.Log))
	default:
		where := ""
		if state.Host != "" {
			where = ", its launcher was on " + state.Host
		}
		return state.Word, fmt.Errorf("job %s ended: %s (%s)%s: see %s", s.Job, state.Word, state.Reason, where, s.Log)
	}
}
