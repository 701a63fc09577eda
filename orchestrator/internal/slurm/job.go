// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// TestOnly asks sbatch whether the script could ever start, and gives its forecast. Without it a job
// that wants more nodes than there are is taken and waits for ever.
func TestOnly(ctx context.Context, r Runner, script string) (string, error) {
	var errs bytes.Buffer
	err := r.Run(ctx, Command{Name: "sbatch", Args: []string{"--test-only"}, Stdin: strings.NewReader(script), Stderr: &errs})
	if err != nil {
		return "", fmt.Errorf("slurm: the job could never start: %w", err)
	}
	return strings.TrimPrefix(strings.TrimSpace(errs.String()), "sbatch: "), nil
}

// Submit hands the script to sbatch and gives the job's number.
func Submit(ctx context.Context, r Runner, script string) (string, error) {
	var out bytes.Buffer
	err := r.Run(ctx, Command{Name: "sbatch", Args: []string{"--parsable"}, Stdin: strings.NewReader(script), Stdout: &out})
	if err != nil {
		return "", fmt.Errorf("slurm: submit: %w", err)
	}
	id, _, _ := strings.Cut(strings.TrimSpace(out.String()), ";") // a cluster's name may follow
	if _, err := number(id); err != nil {
		return "", fmt.Errorf("slurm: submit: sbatch --parsable printed %q, which is no job number", shorten(out.String()))
	}
	return id, nil
}

// Cancel ends a job: TERM to all its processes, KILL after the site's KillWait.
func Cancel(ctx context.Context, r Runner, id string) error {
	if _, err := output(ctx, r, "scancel", id); err != nil {
		return fmt.Errorf("slurm: cancel job %s: %w", id, err)
	}
	return nil
}

// State is what the controller says of a job.
type State struct {
	Word   string // PENDING, RUNNING, COMPLETED, FAILED, ...
	Reason string
	Code   int // exit code of the batch shell
	Signal int // that ended it, or 0
	Host   string
}

// Ended says whether the job is over.
func (s State) Ended() bool {
	return slices.Contains([]string{"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "BOOT_FAIL", "DEADLINE",
		"OUT_OF_MEMORY"}, s.Word)
}

// ErrForgotten is a job that the controller knows no longer: five minutes after its end by default.
var ErrForgotten = errors.New("slurm: the controller does not know the job (any more)")

// JobState asks for the state of a job.
func JobState(ctx context.Context, r Runner, id string) (State, error) {
	text, err := output(ctx, r, "scontrol", "--oneliner", "show", "job", id)
	var exit *ExitError
	switch {
	case errors.As(err, &exit) && strings.Contains(exit.Stderr, "Invalid job id"):
		return State{}, ErrForgotten
	case err != nil:
		return State{}, fmt.Errorf("slurm: state of job %s: %w", id, err)
	}
	s := State{}
	for field := range strings.FieldsSeq(text) {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "JobState":
			s.Word = value
		case "Reason":
			s.Reason = value
		case "BatchHost":
			s.Host = value
		case "ExitCode":
			if _, err := fmt.Sscanf(value, "%d:%d", &s.Code, &s.Signal); err != nil {
				return State{}, fmt.Errorf("slurm: state of job %s: ExitCode=%s", id, value)
			}
		}
	}
	if s.Word == "" {
		return State{}, fmt.Errorf("slurm: state of job %s: no JobState in %q", id, shorten(text))
	}
	return s, nil
}
