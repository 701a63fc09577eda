// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package roofline

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mlperf-ssd/orchestrator/internal/roundtest"
	"mlperf-ssd/proto/ssdpb"
)

// round makes a device of which all times are whole: 10 operations and 2 bytes a second.
var round = Device{"round", "Round", 10, 2}

// tiny is two kernels for two images, or four: a convolution of 100 operations and 10 bytes (+ 4 taken in),
// a normalise of 12 (+ 6), and an inference of 40 operations.
func tiny(int64) ([]*ssdpb.Layer, error) {
	return []*ssdpb.Layer{
		{Name: "a", Kind: "conv", Flops: 100, BytesUnfused: 10, BytesFused: 10},
		{Name: "n", Kind: "statistics", BytesUnfused: 8, BytesFused: 4, FusedInto: "a"},
		{Name: "n", Kind: "normalise", BytesUnfused: 12, BytesFused: 12},
		{Name: "n", Kind: "add", BytesUnfused: 18, BytesFused: 6, FusedInto: "n"},
		{Name: "a", Kind: "conv", Pass: ssdpb.Layer_INFERENCE, Flops: 40, BytesUnfused: 2, BytesFused: 2},
	}, nil
}

func TestLimits(t *testing.T) {
	report, err := New(tiny, 2, []Device{round})
	if err != nil {
		t.Fatal(err)
	}
	got := report.Devices[0]
	// Unfused: 10 s of computing, then 4 + 6 + 9 s of moving. Fused: 10 s, then 9 s.
	want := DeviceLimit{
		Device:           round,
		TrainingUnfused:  Limit{ImagesPerSecond: 2.0 / 29, ComputeBound: 0.2, MemoryBound: 4.0 / 48, MemoryPercent: 1900.0 / 29},
		TrainingFused:    Limit{ImagesPerSecond: 2.0 / 19, ComputeBound: 0.2, MemoryBound: 4.0 / 32, MemoryPercent: 900.0 / 19},
		InferenceUnfused: Limit{ImagesPerSecond: 0.5, ComputeBound: 0.5, MemoryBound: 2},
		InferenceFused:   Limit{ImagesPerSecond: 0.5, ComputeBound: 0.5, MemoryBound: 2},
	}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-12 })
	if diff := cmp.Diff(want, got, near); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Work{50e-9, 24e-6, 16e-6}, report.Training, near); diff != "" {
		t.Error(diff)
	}
	wantNodes := []Node{
		{"a", map[string]Work{"forward": {50e-9, 5e-6, 5e-6}, "inference": {20e-9, 1e-6, 1e-6}}, []NodeTime{{"Round", 5e6, 2e6}}},
		{"n", map[string]Work{"forward": {0, 19e-6, 11e-6}}, []NodeTime{{"Round", 4.5e6, 0}}},
	}
	if diff := cmp.Diff(wantNodes, report.Nodes, near); diff != "" {
		t.Error(diff)
	}
}

func TestErrors(t *testing.T) {
	layers := func(layers ...*ssdpb.Layer) Count {
		return func(int64) ([]*ssdpb.Layer, error) { return layers, nil }
	}
	tests := []struct {
		name, want string
		count      Count
	}{
		{"no layers", "names no layers", layers()},
		{"no host", "bn statistics is fused into gone, which has no kernel",
			layers(&ssdpb.Layer{Name: "bn", Kind: "statistics", FusedInto: "gone"})},
		{"host of another pass", "which has no kernel",
			layers(&ssdpb.Layer{Name: "a", Kind: "conv", Pass: ssdpb.Layer_INFERENCE}, &ssdpb.Layer{Kind: "relu", FusedInto: "a"})},
		{"engine", "boom", func(int64) ([]*ssdpb.Layer, error) { return nil, errors.New("boom") }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := New(test.count, 1, Devices()); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestPick(t *testing.T) {
	for key, want := range map[string]int{"all": 3, "a100-pcie": 1, "a100-sxm": 1, "h100": 1} {
		if devices, err := Pick(key); err != nil || len(devices) != want {
			t.Errorf("%s: got %d devices, %v", key, len(devices), err)
		}
	}
	if _, err := Pick("v100"); err == nil || !strings.Contains(err.Error(), "a100-sxm") {
		t.Errorf("got %v, want the keys there are", err)
	}
}

// Every system of the round, as the table of the specification has it.
func TestResultsAreThoseOfTheRound(t *testing.T) {
	var want []result
	for _, s := range roundtest.Systems(t) {
		want = append(want, result{s.Name(), s.Text("accelerator"), int(s.Number("nodes") * s.Number("gpus_per_node")),
			int64(s.Number("batch_per_gpu")), s.Number("images_per_second")})
	}
	if diff := cmp.Diff(want, results(), cmp.AllowUnexported(result{})); diff != "" {
		t.Error(diff)
	}
}

func TestEveryResultHasItsLimit(t *testing.T) {
	report, err := New(tiny, 2, Devices())
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range report.Results {
		if r.Limit <= 0 {
			t.Errorf("%s: no data sheet of %s", r.System, r.Accelerator)
		}
		if i > 0 && r.ImagesPerSecond > report.Results[i-1].ImagesPerSecond {
			t.Errorf("%s stands behind a slower one", r.System)
		}
	}
}
