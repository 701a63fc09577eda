// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package rcp compares how fast a submission converged with the reference convergence points of v1.1
// SSD (spec section 13). Pure functions.
package rcp

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// How a verdict came about.
const (
	Found        = "RCP found"
	Interpolated = "RCP interpolation"
	Smaller      = "RCP not found, but slower convergence on smaller batch size"
	Missing      = "missing RCP"
	Insufficient = "insufficient convergence"
	NoBatch      = "no global_batch_size that all logs agree on"
	TooFew       = "fewer than three runs"
)

// Verdict is the answer with the numbers behind it.
type Verdict struct {
	Pass    bool     `json:"pass"`
	Reason  string   `json:"reason"`
	Batch   float64  `json:"global_batch_size,omitempty"`
	Mean    *float64 `json:"mean_epochs,omitempty"` // without the fastest and the slowest run; nil = none
	Point   *Point   `json:"rcp,omitempty"`         // what Mean is held against; nil = nothing
	Between []Point  `json:"between,omitempty"`     // the two points that Point lies between, if so
	// Factor is what later versions of the official checker multiply the score by: above 1 where the
	// submission was faster than the reference and accepted.
	Factor float64 `json:"score_factor"`
}

// Check compares a submission, its epochs of each run (infinite: did not converge), with points in
// order of batch size.
func Check(batch float64, epochs []float64, points []Point) Verdict {
	v := Verdict{Batch: batch, Factor: 1}
	diverged := 0
	for _, epoch := range epochs {
		if math.IsInf(epoch, 1) {
			diverged++
		}
	}
	switch {
	case !(batch > 0) || math.IsInf(batch, 0):
		v.Batch = 0
		return v.refused(NoBatch)
	case diverged > 1:
		return v.refused(Insufficient)
	case len(epochs) < 3:
		return v.refused(TooFew)
	}
	sorted := slices.Sorted(slices.Values(epochs))
	mean := average(sorted[1 : len(sorted)-1])
	v.Mean = &mean
	at, found := slices.BinarySearchFunc(points, batch, func(p Point, batch float64) int { return cmp.Compare(p.Batch, batch) })
	switch {
	case found:
		return v.against(points[at], Found)
	case at == len(points):
		return v.refused(fmt.Sprintf("%s: a reference with a global_batch_size of %v or more is needed", Missing, batch))
	case at > 0:
		v.Between = points[at-1 : at+1]
		return v.against(interpolate(batch, points[at-1], points[at]), Interpolated)
	}
	v = v.against(points[0], Smaller)
	if !v.Pass {
		v.Reason = fmt.Sprintf("%s: a reference with a global_batch_size of %v is needed", Missing, batch)
	}
	return v
}

func (v Verdict) refused(reason string) Verdict {
	v.Reason = reason
	return v
}

func (v Verdict) against(p Point, reason string) Verdict {
	v.Point, v.Reason = &p, reason
	// By the quotient, not by MinMean: the last digit is the official checker's.
	v.Pass = *v.Mean >= p.Mean/p.MaxSpeedup
	if v.Pass {
		v.Factor = max(1, p.Mean / *v.Mean)
	}
	return v
}
