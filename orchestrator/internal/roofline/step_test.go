// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package roofline

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestStepLimits(t *testing.T) {
	layer := func(name, kind, pass string, gflop, unfused, fused float64, into string) Layer {
		return Layer{Name: name, Kind: kind, Pass: pass, Work: Work{gflop, unfused, fused}, FusedInto: into}
	}
	report := &Report{Batch: 10, Layers: []Layer{
		layer("c", "conv", "forward", 3, 1, 1, ""),        // 30 Gflop, 10 MB
		layer("n", "statistics", "forward", 0, 9, 2, "c"), // 20 MB more of the conv
		layer("n", "normalise", "forward", 0, 4, 4, ""),
		layer("n", "relu", "forward", 0, 9, 0.5, "n"),
		layer("p", "max_pool", "forward", 0, 6, 6, ""),
		layer("p", "max_pool", "data gradient", 0, 7, 7, ""),
		layer("loss", "multibox", "data gradient", 0, 5, 5, ""),
		layer("c", "conv", "weight gradient", 1, 100, 100, ""),
		layer("c", "conv", "data gradient", 2, 1, 1, ""),
		layer("c", "sgd", "update", 0, 8, 8, ""),
		layer("c", "conv", "inference", 50, 50, 50, ""),
	}}
	got := report.StepLimits(Device{FlopsPerSecond: 1e12, BytesPerSecond: 1e12})
	want := []OpLimit{
		{"conv forward", 30, 30, 30},
		{"batch_norm forward", 0, 45, 0.045},
		{"max_pool forward", 0, 60, 0.06},
		{"max_pool backward", 0, 70, 0.07},
		{"multibox", 0, 50, 0.05},
		{"conv backward", 30, 1010, 30}, // 10 ms and 20 ms by operations, and 1 ms by bytes is less
		{"sgd", 0, 80, 0.08},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-9, 0)); diff != "" {
		t.Error(diff)
	}
}
