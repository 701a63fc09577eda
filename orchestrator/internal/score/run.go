// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package score takes from MLPerf logs what they are worth (spec section 13): times to train, epochs to
// converge, throughput, the score of a set of runs, its seeds and its convergence.
package score

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"

	"mlperf-ssd/orchestrator/internal/compliance"
)

// Run is what one log says. Pointers are nil where the log does not say it.
type Run struct {
	File        string   `json:"file"`
	Compliant   bool     `json:"compliant"`
	Status      string   `json:"status"`             // of run_stop
	Minutes     *float64 `json:"minutes"`            // run_start to run_stop
	Epochs      *float64 `json:"epochs_to_converge"` // of a success: the last evaluated
	Accuracy    *float64 `json:"accuracy"`           // the best
	Throughput  *float64 `json:"images_per_second"`  // median over the epochs
	GlobalBatch *float64 `json:"global_batch_size"`
	Division    string   `json:"division"`
	Platform    string   `json:"platform"`

	Findings []compliance.Finding `json:"findings"`
	seeds    []seed
	started  *float64 // ms: run_start, or the first line
	unread   int      // first line that cannot be read; 0 = none
}

func (r Run) base() string { return filepath.Base(r.File) }

// Succeeded says whether the run counts: its log complies and it reached the target.
func (r Run) Succeeded() bool { return r.Compliant && r.Epochs != nil && r.Minutes != nil }

// Read takes a run out of a log. The error is one of reading; a wrong log is a run that does not comply.
func Read(name string, log io.Reader) (Run, error) {
	check := compliance.New()
	r := reader{run: Run{File: name}}
	err := compliance.Scan(log, func(l compliance.Line) {
		check.Line(l)
		if l.Problem == "" {
			r.line(l)
		} else if r.run.unread == 0 {
			r.run.unread = l.Number
		}
	})
	if err != nil {
		return Run{}, err
	}
	r.run.started = cmp.Or(r.start, r.first)
	report := check.Report()
	r.run.Compliant = len(report.Errors()) == 0
	r.run.Findings = report.Findings
	if r.start != nil && r.stop != nil {
		r.run.Minutes = finite((*r.stop - *r.start) / 60e3)
	}
	r.run.Throughput = median(r.tracked)
	if r.run.Throughput == nil {
		r.run.Throughput = median(r.timed)
	}
	return r.run, nil
}

// ReadAll reads logs on all cores; the name "-" is standard input.
func ReadAll(logs []string, stdin io.Reader) ([]Run, error) {
	runs := make([]Run, len(logs))
	errs := compliance.Files(logs, stdin, func(i int, log io.Reader) (err error) {
		runs[i], err = Read(logs[i], log)
		return err
	})
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("score: %w", err)
	}
	return runs, nil
}

type reader struct {
	run         Run
	first       *float64 // ms: of the first line
	start, stop *float64 // ms: of the first pair
	evaluated   *float64 // epoch of the last eval_accuracy
	samples     float64  // of the data set
	epochStart  float64  // ms
	tracked     []float64
	timed       []float64 // images/s by the clock
}

func pointer(v float64) *float64 { return &v }

// finite is nil of NaN and of numbers so large that no run has them: sums of others stay numbers.
func finite(v float64) *float64 {
	if !(math.Abs(v) < 1e18) {
		return nil
	}
	return &v
}

func numberOf(raw compliance.Raw) *float64 {
	if v, ok := raw.Number(); ok {
		return finite(v)
	}
	return nil
}

func (r *reader) line(l compliance.Line) {
	if r.first == nil {
		r.first = finite(l.TimeMS)
	}
	switch l.Key {
	case "run_start":
		if r.stop == nil || r.start == nil {
			r.start = pointer(l.TimeMS)
		}
	case "run_stop":
		r.runStop(l)
	case "eval_accuracy":
		epoch, _ := l.Metadata.Member("epoch_num")
		r.evaluated = numberOf(epoch)
		if v := numberOf(l.Value); v != nil && (r.run.Accuracy == nil || *v > *r.run.Accuracy) {
			r.run.Accuracy = v
		}
	case "global_batch_size":
		r.run.GlobalBatch = numberOf(l.Value)
	case "train_samples":
		r.samples, _ = l.Value.Number()
	case "epoch_start":
		r.epochStart = l.TimeMS
	case "epoch_stop":
		if v := finite(r.samples / (l.TimeMS - r.epochStart) * 1e3); v != nil && r.epochStart > 0 && *v > 0 {
			r.timed = append(r.timed, *v)
		}
	case "tracked_stats":
		r.trackedStats(l)
	case "seed":
		r.seed(l)
	case "submission_division":
		r.run.Division, _ = l.Value.Text()
	case "submission_platform":
		r.run.Platform, _ = l.Value.Text()
	}
}

// seed keeps the first ones; one too many stands for all others.
func (r *reader) seed(l compliance.Line) {
	switch n := len(r.run.seeds); {
	case n < maxSeeds:
		r.run.seeds = append(r.run.seeds, seedOf(l))
	case n == maxSeeds:
		r.run.seeds = append(r.run.seeds, seed{line: l.Number, problem: fmt.Sprintf("more than %d seeds", maxSeeds)})
	}
}

func (r *reader) runStop(l compliance.Line) {
	if r.stop == nil || r.start == nil {
		r.stop = pointer(l.TimeMS)
	}
	status, _ := l.Metadata.Member("status")
	r.run.Status, _ = status.Text()
	r.run.Epochs = nil
	if r.run.Status == "success" {
		r.run.Epochs = r.evaluated
	}
}

// trackedStats takes the throughput of an epoch; that of a part of one has a list as its step.
func (r *reader) trackedStats(l compliance.Line) {
	step, _ := l.Metadata.Member("step")
	if numberOf(step) == nil {
		return
	}
	throughput, _ := l.Value.Member("throughput")
	if v := numberOf(throughput); v != nil {
		r.tracked = append(r.tracked, *v)
	}
}

// median is nil of nothing.
func median(values []float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return &sorted[middle]
	}
	return pointer((sorted[middle-1] + sorted[middle]) / 2)
}
