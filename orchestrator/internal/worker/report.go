// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package worker

// Progress is how far a run is.
type Progress struct {
	Phase           string    `json:"phase"` // prepare, train, evaluate, done
	Epoch           int64     `json:"epoch"`
	Epochs          int64     `json:"epochs"`
	Iteration       int64     `json:"iteration"`
	Iterations      int64     `json:"iterations"` // of this epoch
	Step            int64     `json:"step"`
	Loss            float64   `json:"loss"`
	LearningRate    float64   `json:"lr"`
	ImagesPerSecond float64   `json:"images_per_second"`
	SecondsLeft     float64   `json:"seconds_left"` // to the last epoch, at this speed
	Accuracy        []Scored  `json:"accuracy,omitempty"`
	Losses          []float64 `json:"losses,omitempty"` // in the last one: a mean an epoch
	Skipped         Skipped   `json:"skipped"`
}

// Scored is one finished evaluation.
type Scored struct {
	Epoch int64   `json:"epoch"`
	AP    float64 `json:"ap"`
}

// Skipped counts the bad images that all ranks have passed over (data.bad_image = "skip"): one that
// training meets in each epoch counts in each.
type Skipped struct {
	Train int64 `json:"train"` // replaced by others
	Eval  int64 `json:"eval"`  // scored as if nothing were in them
}

// Outcome is how a run ended.
type Outcome struct {
	Status          string    `json:"status"` // success, aborted
	Epochs          int64     `json:"epochs"` // trained
	Steps           int64     `json:"steps"`
	BestAP          float64   `json:"best_ap"`
	Accuracy        []Scored  `json:"accuracy"`
	Losses          []float64 `json:"losses"` // mean an epoch
	RunSeconds      float64   `json:"run_seconds"`
	ImagesPerSecond float64   `json:"images_per_second"` // of training
	Seed            int64     `json:"seed"`
	Skipped         Skipped   `json:"skipped"` // since the start or the resumption
}
