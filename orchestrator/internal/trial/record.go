// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package trial

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
	"mlperf-ssd/orchestrator/internal/exit"
	"mlperf-ssd/orchestrator/internal/worker"
)

// Record is what run.json says of a trial.
type Record struct {
	worker.Outcome
	Trial    int    `json:"trial"`
	Restarts int    `json:"restarts"`
	Error    string `json:"error,omitempty"`
	ExitCode int    `json:"exit_code"`
}

// RunRecord is run.json: the last trial, and all of them so far. The error and the exit code are those
// of the first trial that failed.
type RunRecord struct {
	Record
	Version string   `json:"version"`
	Trials  []Record `json:"trials"`
}

// File is run.json.
func File(c *config.Config) string { return filepath.Join(c.Run.LogDir, "run.json") }

// fail takes an error into the record.
func (r *Record) fail(err error) {
	if err != nil {
		r.Error, r.ExitCode = err.Error(), exit.CodeOf(err)
	}
}

// SaveLost adds a trial whose launcher could not.
func SaveLost(c *config.Config, version string, n int, cause error) error {
	lost := Record{Trial: n, Outcome: worker.Outcome{Status: "aborted"}}
	lost.fail(cause)
	return save(c, version, lost)
}

// save adds a trial to run.json; trial 0 begins it.
func save(c *config.Config, version string, t Record) error {
	run := RunRecord{Record: t, Version: version}
	if t.Trial > 0 {
		earlier, err := Read(c)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		run.Trials = slices.DeleteFunc(earlier.Trials, func(other Record) bool { return other.Trial >= t.Trial })
	}
	run.Trials = append(run.Trials, t)
	failed := slices.IndexFunc(run.Trials, func(t Record) bool { return t.ExitCode != exit.OK })
	if failed >= 0 {
		run.Error, run.ExitCode = run.Trials[failed].Error, run.Trials[failed].ExitCode
	}
	return atomicfile.WriteJSON(File(c), run)
}

// Read reads run.json.
func Read(c *config.Config) (RunRecord, error) {
	var run RunRecord
	text, err := os.ReadFile(File(c))
	if err != nil {
		return run, err
	}
	if err := json.Unmarshal(text, &run); err != nil {
		return run, fmt.Errorf("%s: %w", File(c), err)
	}
	return run, nil
}

// Print prints run.json, for --json.
func Print(w io.Writer, c *config.Config) error {
	text, err := os.ReadFile(File(c))
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}
