// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package rcp

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"mlperf-ssd/orchestrator/internal/roundtest"
)

func near(got, want, tolerance float64) bool { return math.Abs(got-want) <= tolerance }

func TestStudentQuantile(t *testing.T) {
	for _, test := range []struct {
		df   int
		want float64
	}{{1, 6.313751514675}, {2, 2.919985580354}, {3, 2.353363434802}, {9, 1.833112932653}, {11, 1.795884818704}, {36, 1.688297714117}, {59, 1.671093032104}} {
		if got := studentQuantile(0.95, test.df); !near(got, test.want, 1e-11) {
			t.Errorf("t(0.95; %d) = %.12f, want %.12f", test.df, got, test.want)
		}
	}
}

// Section 13: the points of v1.1 SSD.
func TestPoints(t *testing.T) {
	want := []Point{
		{1024, 50, 0, 50, 1}, {1536, 55, 0, 55, 1}, {2048, 65.0862, 0.8975, 64.1981, 1.0138}, {4096, 87, 2.4549, 84.5067, 1.0295},
	}
	check := func(name string, got, want []Point) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("%s: %v", name, got)
		}
		for i, w := range want {
			g := got[i]
			if g.Batch != w.Batch || !near(g.Mean, w.Mean, 5e-5) || !near(g.StdDev, w.StdDev, 5e-5) || !near(g.MinMean, w.MinMean, 5e-5) || !near(g.MaxSpeedup, w.MaxSpeedup, 5e-5) {
				t.Errorf("%s: %v, want %v", name, g, w)
			}
		}
	}
	check("full", Full(), want)
	check("pruned", Pruned(), []Point{want[0], want[1], want[3]})
}

// Vector V12.
func TestCheck(t *testing.T) {
	inf := math.Inf(1)
	for _, test := range []struct {
		name                 string
		points               []Point
		batch                float64
		epochs               []float64
		pass                 bool
		reason               string
		mean, m, s, mMin, by float64 // 0: nothing to compare with
	}{
		{"smaller than all", Full(), 456, []float64{50, 50, 50, 50, 50}, true, Smaller, 50, 50, 0, 50, 1},
		{"one fast", Full(), 456, []float64{45, 50, 50, 50, 50}, true, Smaller, 50, 50, 0, 50, 1},
		{"two fast", Full(), 456, []float64{45, 45, 50, 50, 50}, false, Missing, 48.3333, 50, 0, 50, 1},
		{"one aborted", Full(), 456, []float64{50, inf, 50, 50, 50}, true, Smaller, 50, 50, 0, 50, 1},
		{"two aborted", Full(), 456, []float64{50, inf, inf, 50, 50}, false, Insufficient, 0, 0, 0, 0, 1},
		{"3072", Full(), 3072, []float64{75, 75, 75, 75, 75}, true, Interpolated, 75, 76.0431, 1.67619, 74.0615, 76.0431 / 75},
		{"3072 pruned", Pruned(), 3072, []float64{75, 75, 75, 75, 75}, true, Interpolated, 75, 74.2, 1.47291, 72.4587, 1},
		{"2048", Full(), 2048, []float64{65, 65, 65, 65, 65}, true, Found, 65, 65.0862, 0.897527, 64.1981, 65.0862 / 65},
		{"2048 pruned", Pruned(), 2048, []float64{60, 60, 60, 60, 60}, false, Interpolated, 60, 61.4, 0.491, 60.8196, 1},
		{"1140", Full(), 1140, []float64{50, 50, 50, 50, 55}, false, Interpolated, 50, 51.1328, 0, 51.1328, 1},
		{"larger than all", Full(), 8192, []float64{90, 90, 90, 90, 90}, false, Missing, 90, 0, 0, 0, 1},
		{"no batch", Full(), math.NaN(), []float64{90, 90, 90, 90, 90}, false, NoBatch, 0, 0, 0, 0, 1},
		{"two runs", Full(), 1024, []float64{50, 50}, false, TooFew, 0, 0, 0, 0, 1},
	} {
		got := Check(test.batch, test.epochs, test.points)
		if got.Pass != test.pass || !strings.HasPrefix(got.Reason, test.reason) || !near(got.Factor, test.by, 1e-6) {
			t.Errorf("%s: %+v", test.name, got)
		}
		if (got.Mean == nil) != (test.mean == 0) || got.Mean != nil && !near(*got.Mean, test.mean, 5e-5) {
			t.Errorf("%s: mean %v", test.name, got.Mean)
		}
		if (got.Point == nil) != (test.m == 0) {
			t.Errorf("%s: point %v", test.name, got.Point)
		} else if p := got.Point; p != nil && (!near(p.Mean, test.m, 5e-5) || !near(p.StdDev, test.s, 5e-5) || !near(p.MinMean, test.mMin, 6e-5)) {
			t.Errorf("%s: point %+v", test.name, p)
		}
		if _, err := json.Marshal(got); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// Every system of the round passes but the one whose batch size, 1140, lies between two points and that
// needs the 50 epochs of the smaller.
func TestSystemsOfTheRound(t *testing.T) {
	for _, system := range roundtest.Systems(t) {
		batch, epochs := system.Number("global_batch"), system.Numbers("converged_epochs")
		for name, points := range map[string][]Point{"full": Full(), "pruned": Pruned()} {
			got := Check(batch, epochs, points)
			if want := system.Name() != "Dell DSS8440 10xA100"; got.Pass != want {
				t.Errorf("%s: %s points: batch %v, epochs %v: %+v", system.Name(), name, batch, epochs, got)
			}
		}
	}
}
