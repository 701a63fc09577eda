// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package schedule holds the arithmetic of a run (spec sections 6, 7, 8, 10): how many iterations an
// epoch has, which epochs are evaluated, what the learning rate scales to. Pure functions.
package schedule

import "slices"

// Epochs counts the iterations of each epoch.
type Epochs struct {
	Samples    int64 // of the data set, N
	Ranks      int64 // R
	Batch      int64 // of a rank, B
	Multiplier int64 // M: the input makes batches of M x B; above 1 there is no carry
	Synthetic  bool  // one batch repeated: quotas are rounded down, M plays no part
}

func ceil(a, b int64) int64 { return (a + b - 1) / b }

// Quota is how many samples of an epoch one rank reads: ceil(N/R), equal on all; floor(N/R) if
// synthetic.
func (e Epochs) Quota() int64 {
	if e.Synthetic {
		return e.Samples / e.Ranks
	}
	return ceil(e.Samples, e.Ranks)
}

// carries says whether what an epoch reads beyond its quota counts for the next.
func (e Epochs) carries() bool { return e.Multiplier <= 1 || e.Synthetic }

// Iterations is the number of iterations of an epoch (from 1). Every batch is full: what is read
// beyond the quota counts for the next epoch.
func (e Epochs) Iterations(epoch int64) int64 {
	if !e.carries() {
		return e.Samples/e.Ranks/e.Batch + 1
	}
	// After k epochs the rank has read the least multiple of B that is at least k quotas.
	return ceil(epoch*e.Quota(), e.Batch) - ceil((epoch-1)*e.Quota(), e.Batch)
}

// Carry is what epoch read beyond its quota.
func (e Epochs) Carry(epoch int64) int64 {
	if !e.carries() {
		return 0
	}
	return ceil(epoch*e.Quota(), e.Batch)*e.Batch - epoch*e.Quota()
}

// StepsPerEpoch is ceil(N / global batch): what the learning rate counts epochs in.
func (e Epochs) StepsPerEpoch() int64 { return ceil(e.Samples, e.Ranks*e.Batch) }

// WarmupSteps is W = int(epochs x N / global batch).
func (e Epochs) WarmupSteps(warmupEpochs float64) int64 {
	return int64(warmupEpochs * float64(e.Samples) / float64(e.Ranks*e.Batch))
}

// ScaledRate is lr0 = base_lr x global batch / 32.
func (e Epochs) ScaledRate(baseLR float64) float64 {
	return baseLR * float64(e.Ranks*e.Batch) / 32
}

// Evaluations says which epochs are evaluated.
type Evaluations struct {
	Interval int64
	Extra    []int64
}

// After reports whether epoch is followed by an evaluation.
func (e Evaluations) After(epoch int64) bool {
	return (e.Interval > 0 && epoch%e.Interval == 0) || slices.Contains(e.Extra, epoch)
}

// Reached compares an accuracy with the target as the submission does: x 100, to its precision.
func Reached(accuracy, target float64) bool { return accuracy*100 >= target*100 }
