// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package rcp

import (
	"cmp"
	"math"
	"slices"
)

// submissionRuns is how many runs a submission has, referenceRuns how many a reference point would have
// if it were not interpolated.
const (
	submissionRuns = 5
	referenceRuns  = 10
)

// Point is a reference convergence point: how many epochs the reference needs at a batch size.
type Point struct {
	Batch      float64 `json:"global_batch_size"`
	Mean       float64 `json:"mean"`        // of its runs without the first and the last
	StdDev     float64 `json:"stddev"`      // of all
	MinMean    float64 `json:"min_mean"`    // least mean of a submission that is accepted
	MaxSpeedup float64 `json:"max_speedup"` // Mean / MinMean
}

// Full are the points of v1.1, by batch size.
func Full() []Point {
	return []Point{
		pointOf(1024, map[float64]int{50: 10}),
		pointOf(1536, map[float64]int{55: 20}),
		pointOf(2048, map[float64]int{65: 58, 70: 2}),
		pointOf(4096, map[float64]int{85: 22, 90: 15}),
	}
}

// Pruned are the points that later versions of the official checker use: without those below the batch
// size of the fastest, and without those above the line between their neighbours.
func Pruned() []Point {
	points := Full()
	fastest := slices.MinFunc(points, func(a, b Point) int { return cmp.Compare(a.Mean, b.Mean) })
	points = slices.DeleteFunc(points, func(p Point) bool { return p.Batch < fastest.Batch })
	for i := 1; i < len(points)-1; {
		if points[i].Mean <= interpolate(points[i].Batch, points[i-1], points[i+1]).Mean {
			i++
			continue
		}
		points = slices.Delete(points, i, i+1)
		i = max(1, i-1)
	}
	return points
}

// pointOf makes a point of how often each number of epochs was needed.
func pointOf(batch float64, runs map[float64]int) Point {
	var epochs []float64
	for epoch, times := range runs {
		epochs = append(epochs, slices.Repeat([]float64{epoch}, times)...)
	}
	slices.Sort(epochs)
	mean, sum := average(epochs), 0.0
	for _, epoch := range epochs {
		sum += (epoch - mean) * (epoch - mean)
	}
	p := Point{Batch: batch, Mean: average(epochs[1 : len(epochs)-1]), StdDev: math.Sqrt(sum / float64(len(epochs)))}
	return p.limited(len(epochs) - 2)
}

func average(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// interpolate makes a point between two.
func interpolate(batch float64, low, high Point) Point {
	between := func(a, b float64) float64 { return (b-a)/(high.Batch-low.Batch)*(batch-low.Batch) + a }
	p := Point{Batch: batch, Mean: between(low.Mean, high.Mean), StdDev: between(low.StdDev, high.StdDev)}
	return p.limited(referenceRuns)
}

// limited sets the least accepted mean, from n runs that count: found by bisection to 1e-4 as in the
// official checker, so that both agree on a mean that lies this close.
func (p Point) limited(n int) Point {
	p.MinMean = p.Mean
	if p.StdDev > 0 {
		t := studentQuantile(0.95, n+1)
		limit := p.Mean - t*p.StdDev*math.Sqrt(1/float64(n)+1.0/(submissionRuns-2))
		low, high := 0.0, p.Mean
		for p.MinMean = (low + high) / 2; high-low > 1e-4; p.MinMean = (low + high) / 2 {
			if p.MinMean > limit {
				high = p.MinMean
			} else {
				low = p.MinMean
			}
		}
	}
	p.MaxSpeedup = p.Mean / p.MinMean
	return p
}
