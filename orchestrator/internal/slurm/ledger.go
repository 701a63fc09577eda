// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"mlperf-ssd/orchestrator/internal/atomicfile"
)

// The ends of a trial; a trial without one was running when the job was cut off.
const (
	TrialSucceeded = "success"
	TrialFailed    = "failed"
	TrialAborted   = "aborted" // stopped from outside
)

// Trial is one trial of a job. A trial that was cut off is tried again, as another entry.
type Trial struct {
	Trial    int       `json:"trial"` // from 0
	Start    int       `json:"start"` // how often the job had been restarted
	MLLog    string    `json:"mllog"`
	Output   string    `json:"output"` // with the words of all ranks
	Status   string    `json:"status"`
	Error    string    `json:"error,omitempty"`
	ExitCode int       `json:"exit_code"`
	Began    time.Time `json:"began"`
	Ended    time.Time `json:"ended,omitzero"`
	PutAside bool      `json:"put_aside,omitempty"` // its log has another name now
}

// Ledger is what became of the trials of a job, in a file: the scheduler's own accounting may be off,
// and a requeued job must know what its earlier start did. One process at a time uses it.
type Ledger struct {
	Job    string  `json:"job"`
	HostOS string  `json:"host_os"`
	Trials []Trial `json:"trials"`

	path string
}

// OpenLedger reads a job's ledger, or begins an empty one. An array or another cluster may have used
// the number: a file of another job is an error.
func OpenLedger(path, job string) (*Ledger, error) {
	l := &Ledger{Job: job, path: path}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return l, nil
	}
	if err == nil {
		err = json.Unmarshal(text, l)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("ledger %s: %w: move it away to begin anew", path, err)
	case l.Job != job:
		return nil, fmt.Errorf("ledger %s: is of job %s, not %s: move it away", path, l.Job, job)
	}
	return l, nil
}

// Anew forgets the trials of an earlier launch in the same start of the job, as beside salloc, and says
// how many they were: only a job that Slurm has started again goes on.
func (l *Ledger) Anew(start int) int {
	before := len(l.Trials)
	l.Trials = slices.DeleteFunc(l.Trials, func(t Trial) bool { return t.Start >= start })
	return before - len(l.Trials)
}

// CutOff gives the trials of earlier starts that did not end by themselves, unless their logs are put
// aside already.
func (l *Ledger) CutOff() []*Trial {
	var trials []*Trial
	for i, t := range l.Trials {
		if !t.PutAside && (t.Status == "" || t.Status == TrialAborted) {
			trials = append(trials, &l.Trials[i])
		}
	}
	return trials
}

// Open is the trial that is under way, nil if none is.
func (l *Ledger) Open() *Trial {
	if n := len(l.Trials); n > 0 && l.Trials[n-1].Status == "" {
		return &l.Trials[n-1]
	}
	return nil
}

// Left are the trials of n that have not ended by themselves.
func (l *Ledger) Left(n int) []int {
	done := map[int]bool{}
	for _, t := range l.Trials {
		done[t.Trial] = done[t.Trial] || t.Status == TrialSucceeded || t.Status == TrialFailed
	}
	var left []int
	for trial := range n {
		if !done[trial] {
			left = append(left, trial)
		}
	}
	return left
}

// Begin notes a trial before it starts.
func (l *Ledger) Begin(t Trial) error {
	l.Trials = append(l.Trials, t)
	return l.Save()
}

// End notes how the trial begun last has ended.
func (l *Ledger) End(at time.Time, status string, exitCode int, cause error) error {
	t := &l.Trials[len(l.Trials)-1]
	t.Ended, t.Status, t.ExitCode = at, status, exitCode
	if cause != nil {
		t.Error = cause.Error()
	}
	return l.Save()
}

// Save writes the ledger, whole or not at all.
func (l *Ledger) Save() error {
	if err := atomicfile.WriteJSON(l.path, l); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}
