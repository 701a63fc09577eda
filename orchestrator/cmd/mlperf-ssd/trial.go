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
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/atomicfile"
	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/progress"
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
		n, err := rand.Int(rand.Reader, big.NewInt(1<<31-1))
		if err != nil {
			return fmt.Errorf("seed: %w", err)
		}
		j.Seed = n.Int64() + 1
	}
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

// runRecord is run.json.
type runRecord struct {
	worker.Outcome
	Trial    int    `json:"trial"`
	Error    string `json:"error,omitempty"`
	ExitCode int    `json:"exit_code"`
	Version  string `json:"version"`
}

func runTrial(c *cli.Context, j job) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("launch: %w", err)
	}
	asJSON := c.Bool("json")
	var stdout io.Writer = c.App.Writer
	if asJSON || progress.IsTerminal(os.Stdout) {
		stdout = io.Discard // the log is in its file
	}
	view := progress.New(os.Stderr)
	record := runRecord{Trial: j.Trial, Version: version, Outcome: worker.Outcome{Status: "aborted", Seed: j.Seed}}
	cause := ""
	runErr := supervise.Run(c.Context, supervise.Child{
		Path:   self,
		Grace:  grace,
		Args:   []string{"worker"},
		Job:    j,
		Stdout: stdout,
		Stderr: view.Errors(),
		Progress: func(raw json.RawMessage) {
			var m message
			if json.Unmarshal(raw, &m) != nil {
				return
			}
			if m.Progress != nil {
				view.Update(*m.Progress)
			}
			if m.Outcome != nil {
				record.Outcome = *m.Outcome
			}
			cause += m.Error
		},
	})
	if runErr != nil && cause != "" {
		runErr = fmt.Errorf("%w: %s", runErr, cause)
	}
	view.Finish(record.Outcome, j.Config.Eval.Target)
	return finishTrial(c, j, record, runErr)
}

// verdict is what launch makes of a worker's end. A run that reached the target has succeeded, even if
// it was told to stop just then.
func verdict(ctx context.Context, c *config.Config, record runRecord, runErr error) error {
	stopped := ctx.Err() != nil
	var died *supervise.ExitError
	killed := errors.As(runErr, &died) && died.Signal != 0
	switch {
	case record.Status == "success" && (runErr == nil || stopped && !killed):
		return nil
	case stopped && killed:
		return &exitError{exitInterrupted, fmt.Errorf("interrupted: %w", runErr)}
	case stopped:
		return &exitError{exitInterrupted, errors.New("interrupted: the log is closed as aborted")}
	case runErr != nil:
		return runErr
	case record.Status != "success" && !c.Run.Smoke:
		return fmt.Errorf("the target %v was not reached in %d epochs: best AP %.4f", c.Eval.Target, record.Epochs, record.BestAP)
	default:
		return nil
	}
}

func finishTrial(c *cli.Context, j job, record runRecord, runErr error) error {
	err := verdict(c.Context, j.Config, record, runErr)
	if err != nil {
		record.Error = err.Error()
		record.ExitCode = exitFailed
		var exit *exitError
		if errors.As(err, &exit) {
			record.ExitCode = exit.code
		}
	}
	text, marshalErr := json.MarshalIndent(record, "", "  ")
	if marshalErr != nil {
		return errors.Join(err, marshalErr)
	}
	write := func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s\n", text)
		return err
	}
	writeErr := atomicfile.Write(filepath.Join(j.Config.Run.LogDir, "run.json"), write)
	if c.Bool("json") {
		writeErr = errors.Join(writeErr, write(c.App.Writer))
	}
	return errors.Join(err, writeErr)
}
