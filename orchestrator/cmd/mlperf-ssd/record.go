// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"mlperf-ssd/orchestrator/internal/atomicfile"
	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/worker"
)

// trialRecord is what run.json says of a trial.
type trialRecord struct {
	worker.Outcome
	Trial    int    `json:"trial"`
	Restarts int    `json:"restarts"`
	Error    string `json:"error,omitempty"`
	ExitCode int    `json:"exit_code"`
}

// runRecord is run.json: the last trial, and all of them so far. The error and the exit code are those
// of the first trial that failed.
type runRecord struct {
	trialRecord
	Version string        `json:"version"`
	Trials  []trialRecord `json:"trials"`
}

func recordFile(c *config.Config) string { return filepath.Join(c.Run.LogDir, "run.json") }

// fail takes an error into the record.
func (r *trialRecord) fail(err error) {
	if err != nil {
		r.Error, r.ExitCode = err.Error(), exitCodeOf(err)
	}
}

// saveTrial adds a trial to run.json; trial 0 begins it.
func saveTrial(c *config.Config, t trialRecord) error {
	run := runRecord{trialRecord: t, Version: version}
	if t.Trial > 0 {
		earlier, err := readRun(c)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		run.Trials = slices.DeleteFunc(earlier.Trials, func(other trialRecord) bool { return other.Trial >= t.Trial })
	}
	run.Trials = append(run.Trials, t)
	failed := slices.IndexFunc(run.Trials, func(t trialRecord) bool { return t.ExitCode != exitOK })
	if failed >= 0 {
		run.Error, run.ExitCode = run.Trials[failed].Error, run.Trials[failed].ExitCode
	}
	text, err := json.MarshalIndent(run, "", "  ")
	if err != nil {
		return fmt.Errorf("run.json: %w", err)
	}
	return atomicfile.Write(recordFile(c), func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s\n", text)
		return err
	})
}

func readRun(c *config.Config) (runRecord, error) {
	var run runRecord
	text, err := os.ReadFile(recordFile(c))
	if err != nil {
		return run, err
	}
	if err := json.Unmarshal(text, &run); err != nil {
		return run, fmt.Errorf("%s: %w", recordFile(c), err)
	}
	return run, nil
}

// printRun prints run.json, for --json.
func printRun(w io.Writer, c *config.Config) error {
	text, err := os.ReadFile(recordFile(c))
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}
