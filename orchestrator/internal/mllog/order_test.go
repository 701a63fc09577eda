// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package mllog_test

import (
	"bytes"
	"errors"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mlperf-ssd/orchestrator/internal/compliance"
	"mlperf-ssd/orchestrator/internal/mllog"
	"mlperf-ssd/orchestrator/internal/ssdnames"
)

// at is a moment of the tests' clock.
func at(ms int64) time.Time { return time.UnixMilli(1634431506370 + ms) }

// submitter and hyper are those of the first accepted log.
func submitter() mllog.Submission {
	return mllog.Submission{Org: "Fujitsu", Platform: "PRIMERGY GX2460 M1", Division: "closed", Status: "onprem"}
}

func hyper() mllog.Hyper {
	return mllog.Hyper{TrainSamples: 117266, EvalSamples: 5000, MaxSamples: 1, WarmupSteps: 771,
		BaseLR: 0.04498725, WeightDecay: 0.00013, DecayEpochs: []int64{44, 55}}
}

// event is one call on a log, with a name for messages.
type event struct {
	name string
	call func(*mllog.Run) error
}

func begin() []event {
	return []event{
		{"submission", func(r *mllog.Run) error { return r.Submission(at(0), submitter()) }},
		{"cache_clear", func(r *mllog.Run) error { return r.CacheClear(at(1)) }},
		{"init_start", func(r *mllog.Run) error { return r.InitStart(at(2)) }},
		{"seed", func(r *mllog.Run) error { return r.Seed(at(3), 1322250688) }},
		{"hyper", func(r *mllog.Run) error { return r.Hyper(at(4), hyper()) }},
		{"weights", func(r *mllog.Run) error {
			for _, name := range ssdnames.Tensors() {
				if err := r.WeightsInitialized(at(5), name); err != nil {
					return err
				}
			}
			return nil
		}},
		{"init_stop", func(r *mllog.Run) error { return r.InitStop(at(6)) }},
		{"run_start", func(r *mllog.Run) error { return r.RunStart(at(7)) }},
		{"shape", func(r *mllog.Run) error { return r.Shape(at(8), 114, 456) }},
		{"epoch_start 1", func(r *mllog.Run) error { return r.EpochStart(at(9), 1, 0) }},
		{"epoch_stop 1", func(r *mllog.Run) error { return r.EpochStop(at(10)) }},
		{"eval_start 1", func(r *mllog.Run) error { return r.EvalStart(at(11), 1) }},
		{"epoch_start 2", func(r *mllog.Run) error { return r.EpochStart(at(12), 2, 0) }},
		{"eval_stop 1", func(r *mllog.Run) error { return r.EvalStop(at(13), 1, 0.25) }},
		{"epoch_stop 2", func(r *mllog.Run) error { return r.EpochStop(at(14)) }},
		{"run_stop", func(r *mllog.Run) error { return r.RunStop(at(15), true) }},
	}
}

// play makes the first n calls of begin.
func play(t *testing.T, n int) (*mllog.Run, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	r := mllog.New(&out)
	for _, e := range begin()[:n] {
		if err := e.call(r); err != nil {
			t.Fatalf("%s: %v", e.name, err)
		}
	}
	return r, &out
}

// A whole run is these bytes, but for the numbers of this file's lines.
func TestGoldenLog(t *testing.T) {
	r, out := play(t, len(begin()))
	if err := r.Stats(at(16), mllog.Object{{Key: "d_convergence", Value: "1"}}, "1"); err != nil {
		t.Fatal(err)
	}
	got := regexp.MustCompile(`"lineno": [1-9][0-9]*`).ReplaceAllString(out.String(), `"lineno": 1`)
	const golden = "testdata/run.log"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

// The log of a whole run complies, as success and as aborted.
func TestWholeLogComplies(t *testing.T) {
	for _, success := range []bool{true, false} {
		r, out := play(t, len(begin())-1)
		if err := r.RunStop(at(15), success); err != nil {
			t.Fatal(err)
		}
		report, err := compliance.Check(out)
		if err != nil || len(report.Findings) > 0 {
			t.Errorf("success %v: %v, %v", success, report.Findings, err)
		}
	}
}

// In every state, what may come next is accepted, and everything else refused without a byte written.
func TestOnlyTheNextEventsAreAccepted(t *testing.T) {
	// What else may come after an event. An epoch_stop is of the open epoch, whatever its name here.
	also := map[string]string{
		"":              "cache_clear",
		"submission":    "init_start", // a log that does not comply
		"cache_clear":   "cache_clear",
		"init_start":    "hyper, weights",
		"seed":          "seed, weights",
		"hyper":         "seed",
		"weights":       "seed",
		"shape":         "epoch_start 2", // a resumed run
		"epoch_start 1": "epoch_stop 2",
		"epoch_stop 1":  "epoch_start 2",
		"eval_start 1":  "eval_stop 1",
		"epoch_start 2": "epoch_stop 1, epoch_stop 2",
		"eval_stop 1":   "epoch_stop 1, run_stop", // which closes the epoch
	}
	events := begin()
	for n := range len(events) + 1 {
		before := ""
		if n > 0 {
			before = events[n-1].name
		}
		for i, e := range events {
			r, out := play(t, n)
			written := out.Len()
			err := e.call(r)
			allowed := i == n || strings.Contains(", "+also[before]+",", ", "+e.name+",")
			if allowed != (err == nil) {
				t.Errorf("after %q: %s gives %v", before, e.name, err)
			}
			if err != nil && out.Len() != written {
				t.Errorf("after %q: %s is refused and yet writes %q", before, e.name, out.String()[written:])
			}
		}
	}
}

func TestValuesThatCannotBe(t *testing.T) {
	for _, test := range []struct {
		after int
		call  func(*mllog.Run) error
		want  string
	}{
		{0, func(r *mllog.Run) error { return r.Submission(at(0), mllog.Submission{Org: "x"}) }, "empty field"},
		{5, func(r *mllog.Run) error { return r.WeightsInitialized(at(0), "conv0_weight") }, "conv0_weight is unknown"},
		{6, func(r *mllog.Run) error { return r.WeightsInitialized(at(0), ssdnames.Tensors()[0]) }, "stands twice"},
		{5, func(r *mllog.Run) error { return r.InitStop(at(0)) }, "119 tensors"},
		{10, func(r *mllog.Run) error { return r.EvalStart(at(0), 1) }, "epoch 1 has not stopped"},
		{12, func(r *mllog.Run) error { return r.EvalStart(at(0), 1) }, "1 follows 1"},
		{12, func(r *mllog.Run) error { return r.EvalStop(at(0), 1, math.NaN()) }, "NaN"},
		{12, func(r *mllog.Run) error { return r.EvalStop(at(0), 1, 23.1) }, "not in 0..1"},
		{12, func(r *mllog.Run) error { return r.EpochStart(at(0), 3, 0) }, "3 follows 1"},
		{12, func(r *mllog.Run) error { return r.RunStop(at(0), true) }, "needs an eval_accuracy"},
		{8, func(r *mllog.Run) error { return r.Stats(at(0), nil, 1) }, "shape"},
	} {
		r, _ := play(t, test.after)
		if err := test.call(r); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

func TestAbortClosesWhatIsOpen(t *testing.T) {
	r, out := play(t, 13) // epoch 2 and the evaluation of 1 are open
	written := out.Len()
	if err := r.RunStop(at(20), false); err != nil {
		t.Fatal(err)
	}
	keys := regexp.MustCompile(`"key": "([a-z_]+)"`).FindAllStringSubmatch(out.String()[written:], -1)
	var got []string
	for _, k := range keys {
		got = append(got, k[1])
	}
	if diff := cmp.Diff([]string{"eval_stop", "epoch_stop", "run_stop"}, got); diff != "" {
		t.Error(diff)
	}
	if !strings.HasSuffix(out.String(), `"status": "aborted"}}`+"\n") || r.Running() {
		t.Errorf("ends %q", out.String()[written:])
	}
}

func TestTimeNeverGoesBack(t *testing.T) {
	r, out := play(t, 8)
	if err := r.Shape(at(-5000), 1, 1); err != nil {
		t.Fatal(err)
	}
	times := regexp.MustCompile(`"time_ms": (\d+)`).FindAllStringSubmatch(out.String(), -1)
	for i := 1; i < len(times); i++ {
		if times[i][1] < times[i-1][1] {
			t.Errorf("%s after %s", times[i][1], times[i-1][1])
		}
	}
}

func TestLinesNameTheirPlace(t *testing.T) {
	_, out := play(t, len(begin()))
	for line := range strings.Lines(out.String()) {
		if !strings.Contains(line, `"metadata": {"file": "order_test.go", "lineno": `) {
			t.Errorf("got %s", line)
		}
	}
}

// chunks keeps each Write; it fails once it holds limit of them.
type chunks struct {
	writes []string
	limit  int
}

func (c *chunks) Write(p []byte) (int, error) {
	if len(c.writes) == c.limit {
		return 0, errFull
	}
	c.writes = append(c.writes, string(p))
	return len(p), nil
}

var errFull = errors.New("no space left")

func TestEachLineIsOneWrite(t *testing.T) {
	out := &chunks{limit: -1}
	r := mllog.New(out)
	for _, e := range begin() {
		if err := e.call(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range out.writes {
		if strings.Count(w, "\n") != 1 || !strings.HasPrefix(w, mllog.Prefix) || !strings.HasSuffix(w, "}}\n") {
			t.Errorf("wrote %q", w)
		}
	}
}

func TestFailedWriteStays(t *testing.T) {
	out := &chunks{limit: 2}
	r := mllog.New(out)
	if err := r.Submission(at(0), submitter()); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
	out.limit = -1
	if err := r.CacheClear(at(1)); !errors.Is(err, errFull) || len(out.writes) != 2 {
		t.Errorf("got %v with %d lines", err, len(out.writes))
	}
}
