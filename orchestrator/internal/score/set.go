// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package score

import (
	"fmt"
	"math"
	"slices"

	"mlperf-ssd/orchestrator/internal/rcp"
)

// OfficialRuns is how many runs a submission has.
const OfficialRuns = 5

// Set is what the runs of one system are worth together.
type Set struct {
	Name        string       `json:"name"`
	Official    bool         `json:"official"`             // five runs, and nothing stands against them
	Score       *float64     `json:"score_minutes"`        // mean without the fastest and the slowest; nil = none
	Scaled      *float64     `json:"scaled_score_minutes"` // by the factor of the pruned points; nil = not asked for
	Statement   string       `json:"statement"`            // what the score is, or why there is none
	Choice      string       `json:"choice,omitempty"`     // which of more runs than five these are
	Median      *float64     `json:"median_minutes"`
	Epochs      *float64     `json:"median_epochs"`
	Throughput  *float64     `json:"images_per_second"`
	GlobalBatch *float64     `json:"global_batch_size"` // nil: the logs do not agree
	Failed      int          `json:"failed_runs"`
	RCP         *rcp.Verdict `json:"rcp"`   // nil: fewer than three runs
	Seeds       *Seeds       `json:"seeds"` // nil: not of the closed division
	Problems    []string     `json:"problems"`
	Made        int          `json:"runs_made"`
	Runs        []Run        `json:"runs"` // at most five: see Window

	options Options
}

// Options are how a set is scored.
type Options struct {
	Pruned   bool   // with the reference points and the scaling of later official checkers
	Division string // of the system's description; empty: what the logs say
}

// NewSet scores runs; of more than five, those that a submission takes.
func NewSet(name string, made []Run, options Options) Set {
	runs := Window(made)
	s := Set{Name: name, Made: len(made), Runs: runs, Problems: []string{}, options: options}
	var minutes, counted, epochs, throughputs []float64
	for _, run := range runs {
		if run.Minutes != nil {
			minutes = append(minutes, *run.Minutes)
			if *run.Minutes < 0 {
				s.Problems = append(s.Problems, fmt.Sprintf("%s: the clock goes back: run_stop comes %.3f minutes before run_start", run.File, -*run.Minutes))
			}
		}
		if run.Succeeded() {
			counted = append(counted, *run.Minutes)
			epochs = append(epochs, *run.Epochs)
		} else {
			s.Failed++
		}
		if run.Throughput != nil {
			throughputs = append(throughputs, *run.Throughput)
		}
	}
	s.Median, s.Epochs, s.Throughput = median(minutes), median(epochs), median(throughputs)
	s.GlobalBatch = s.commonBatch()
	s.score(counted)
	s.Choice = Choice(runs, s.Made)
	if s.closed() {
		seeds := CheckSeeds(runs)
		s.Seeds = &seeds
		for _, note := range seeds.Errors {
			s.Problems = append(s.Problems, note.String())
		}
	}
	s.converge()
	s.Official = len(runs) == OfficialRuns && len(s.Problems) == 0
	return s
}

// closed says whether the checks of the closed division apply: without a description, unless every log
// says it is open.
func (s *Set) closed() bool {
	if s.options.Division != "" {
		return s.options.Division == "closed"
	}
	return slices.ContainsFunc(s.Runs, func(r Run) bool { return r.Division != "open" })
}

func (s *Set) commonBatch() *float64 {
	var batch *float64
	for _, run := range s.Runs {
		if run.GlobalBatch == nil || batch != nil && *batch != *run.GlobalBatch {
			return nil
		}
		batch = run.GlobalBatch
	}
	return batch
}

// score is the mean of the runs without the fastest and the slowest; one failed run is the slowest.
func (s *Set) score(counted []float64) {
	runs := len(s.Runs)
	switch {
	case s.Failed > 1 || s.Failed == runs:
		s.Statement = fmt.Sprintf("no score: %d of %d runs failed", s.Failed, runs)
		s.Problems = append(s.Problems, s.Statement)
		return
	case runs < 3:
		s.Statement = fmt.Sprintf("no score: %d of the %d runs of a submission", runs, OfficialRuns)
		return
	}
	slices.Sort(counted)
	counted = counted[1 : len(counted)-1+s.Failed]
	sum := 0.0
	for _, v := range counted {
		sum += v
	}
	s.Score = pointer(sum / float64(len(counted)))
	s.Statement = fmt.Sprintf("mean of %d runs without the fastest and the slowest", runs)
	if s.Failed == 1 {
		s.Statement += ", which is the failed one"
	}
	if runs != OfficialRuns {
		s.Statement += fmt.Sprintf("; no official score: a submission has %d", OfficialRuns)
	}
}

func (s *Set) converge() {
	if len(s.Runs) < 3 {
		return
	}
	batch := math.NaN()
	if s.GlobalBatch != nil {
		batch = *s.GlobalBatch
	}
	var epochs []float64
	for _, run := range s.Runs {
		if run.Epochs == nil {
			epochs = append(epochs, math.Inf(1))
		} else {
			epochs = append(epochs, *run.Epochs)
		}
	}
	points := rcp.Full()
	if s.options.Pruned {
		points = rcp.Pruned()
	}
	verdict := rcp.Check(batch, epochs, points)
	s.RCP = &verdict
	if !verdict.Pass && s.closed() {
		s.Problems = append(s.Problems, refusal(verdict))
	}
	if s.options.Pruned && s.Score != nil {
		s.Scaled = pointer(*s.Score * verdict.Factor)
	}
}

// refusal says why the convergence is not accepted.
func refusal(v rcp.Verdict) string {
	if v.Mean == nil || v.Point == nil {
		return "RCP: " + v.Reason
	}
	return fmt.Sprintf("RCP: mean %.4f epochs is below %.4f (%s)", *v.Mean, v.Point.MinMean, v.Reason)
}
