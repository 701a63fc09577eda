// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"slices"
	"testing"
)

const samples = 117266

// Vector V3.
func TestIterations(t *testing.T) {
	for _, test := range []struct {
		epochs     Epochs
		quota      int64
		iterations []int64
		carry      []int64
	}{
		{Epochs{samples, 4, 114, 1, false}, 29317, []int64{258, 257, 257, 257, 257, 257, 258, 257}, []int64{95, 76, 57, 38, 19, 0, 95}},
		{Epochs{samples, 8, 114, 1, false}, 14659, []int64{129, 129, 128, 129, 128, 129, 129, 128, 129, 128, 129, 129, 128, 129, 128, 129}, nil},
		{Epochs{samples, 64, 24, 1, false}, 1833, []int64{77, 76, 77, 76, 76, 77, 76, 76, 77, 76}, nil},
		{Epochs{samples, 1024, 3, 20, false}, 115, []int64{39, 39, 39, 39}, []int64{0, 0}},
		// Synthetic, from section 7: 258 x 114 = 29316 + 96, 257 x 114 = 29316 - 18.
		{Epochs{samples, 4, 114, 1, true}, 29316, []int64{258, 257, 257, 257, 257, 257, 258}, []int64{96, 78, 60, 42, 24, 6, 102}},
		{Epochs{samples, 1024, 3, 20, true}, 114, []int64{38, 38, 38}, []int64{0, 0, 0}},
	} {
		if got := test.epochs.Quota(); got != test.quota {
			t.Errorf("%+v: quota %d, want %d", test.epochs, got, test.quota)
		}
		for i, want := range test.iterations {
			if got := test.epochs.Iterations(int64(i) + 1); got != want {
				t.Errorf("%+v: epoch %d has %d iterations, want %d", test.epochs, i+1, got, want)
			}
		}
		for i, want := range test.carry {
			if got := test.epochs.Carry(int64(i) + 1); got != want {
				t.Errorf("%+v: epoch %d carries %d, want %d", test.epochs, i+1, got, want)
			}
		}
	}
}

// The recurrence of section 7, step by step, for odd sizes.
func TestIterationsFollowTheRecurrence(t *testing.T) {
	for _, e := range []Epochs{{7, 1, 8, 1, false}, {32, 1, 8, 1, false}, {100, 3, 7, 1, false}, {1, 1, 5, 1, false}, {100, 3, 7, 20, true}} {
		carry := int64(0)
		for epoch := int64(1); epoch < 40; epoch++ {
			n := ceil(e.Quota()-carry, e.Batch)
			carry += n*e.Batch - e.Quota()
			if got := e.Iterations(epoch); got != n {
				t.Fatalf("%+v: epoch %d: %d iterations, want %d", e, epoch, got, n)
			}
			if got := e.Carry(epoch); got != carry {
				t.Fatalf("%+v: epoch %d: carry %d, want %d", e, epoch, got, carry)
			}
		}
	}
}

// Vector V2.
func TestLearningRateScales(t *testing.T) {
	for _, test := range []struct {
		epochs         Epochs
		baseLR, warmup float64
		lr0            float64
		steps          int64
		perEpoch       int64 // ceil(117266 / global batch)
	}{
		{Epochs{samples, 4, 114, 1, false}, 0.003157, 3, 0.04498725, 771, 258},
		{Epochs{samples, 8, 114, 1, false}, 0.003157, 5, 0.0899745, 642, 129},
		{Epochs{samples, 64, 24, 1, false}, 0.004, 15, 0.192, 1145, 77},
		{Epochs{samples, 1024, 3, 20, false}, 0.004, 35, 0.384, 1336, 39},
	} {
		// Exactly: the log prints every digit.
		if got := test.epochs.ScaledRate(test.baseLR); got != test.lr0 {
			t.Errorf("%+v: lr0 %v, want %v", test.epochs, got, test.lr0)
		}
		if got := test.epochs.WarmupSteps(test.warmup); got != test.steps {
			t.Errorf("%+v: %d warm-up steps, want %d", test.epochs, got, test.steps)
		}
		if got := test.epochs.StepsPerEpoch(); got != test.perEpoch {
			t.Errorf("%+v: %d steps an epoch, want %d", test.epochs, got, test.perEpoch)
		}
	}
}

func TestEvaluations(t *testing.T) {
	e := Evaluations{Interval: 5, Extra: []int64{3}}
	var got []int64
	for epoch := int64(1); epoch <= 10; epoch++ {
		if e.After(epoch) {
			got = append(got, epoch)
		}
	}
	if !slices.Equal(got, []int64{3, 5, 10}) {
		t.Errorf("evaluated %v", got)
	}
	if !Reached(0.23, 0.23) || Reached(0.2299999, 0.23) {
		t.Error("the target is reached at 0.23, not below")
	}
}
