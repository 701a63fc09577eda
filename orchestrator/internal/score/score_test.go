// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package score

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mlperf-ssd/orchestrator/internal/roundtest"
)

// accepted are the runs of an accepted system of the round, where its logs are.
func accepted(t *testing.T) []Run {
	t.Helper()
	files, err := filepath.Glob("../../../../shared/mlperf-logs/fujitsu-gx2460m1/result_*.txt")
	if err != nil || len(files) != OfficialRuns {
		t.Skip("the logs of the round are not here")
	}
	runs, err := ReadAll(files, nil)
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

// The row of systems.tsv, and vector V12, come out of the logs.
func TestAcceptedSystem(t *testing.T) {
	row := roundtest.Systems(t)[0]
	set := NewSet("fujitsu", accepted(t), Options{})
	var minutes, epochs []string
	for _, run := range set.Runs {
		minutes = append(minutes, fmt.Sprintf("%.3f", *run.Minutes))
		epochs = append(epochs, fmt.Sprint(*run.Epochs))
	}
	for name, got := range map[string]string{
		"run_minutes": strings.Join(minutes, ","), "converged_epochs": strings.Join(epochs, ","),
		"median_minutes": fmt.Sprintf("%.2f", *set.Median), "score_minutes": fmt.Sprintf("%.3f", *set.Score),
		"images_per_second": fmt.Sprintf("%.0f", *set.Throughput), "converged_epoch": fmt.Sprint(*set.Epochs),
		"global_batch": fmt.Sprint(*set.GlobalBatch),
	} {
		if got != row.Text(name) {
			t.Errorf("%s %s, want %s", name, got, row.Text(name))
		}
	}
	if !near(*set.Score, 20.915639) || !set.Official || !set.RCP.Pass || !set.Seeds.Pass || len(set.Problems) > 0 {
		t.Errorf("score %v of %+v", *set.Score, set)
	}
}

func near(got, want float64) bool { return math.Abs(got-want) < 5e-7 }

// The scores of all systems of the round, from run times of three digits.
func TestSystemsOfTheRound(t *testing.T) {
	for _, system := range roundtest.Systems(t) {
		epochs := system.Numbers("converged_epochs")
		var runs []Run
		for i, minutes := range system.Numbers("run_minutes") {
			r := run(minutes, epochs[i])
			r.GlobalBatch = pointer(system.Number("global_batch"))
			r.seeds[0].value = strconv.Itoa(i)
			runs = append(runs, r)
		}
		set := NewSet(system.Name(), runs, Options{})
		if set.Official != (system.Name() != "Dell DSS8440 10xA100") { // whose batch size lies between two points
			t.Errorf("%s: %v", system.Name(), set.Problems)
		}
		for name, got := range map[string]float64{"score_minutes": *set.Score, "converged_epoch": *set.Epochs} {
			if want := system.Number(name); math.Abs(got-want) > 0.0011 {
				t.Errorf("%s: %s %v, want %v", system.Name(), name, got, want)
			}
		}
	}
}

// run is a run as Read makes it.
func run(minutes, epochs float64) Run {
	r := Run{File: fmt.Sprint(minutes), Compliant: true, Status: "success", Minutes: &minutes, Epochs: &epochs,
		GlobalBatch: pointer(456), Division: "closed", seeds: []seed{{1, `"a.py"`, "1", fmt.Sprint(minutes), ""}}}
	return r
}

func TestSets(t *testing.T) {
	aborted := run(90, 0)
	aborted.Status, aborted.Epochs = "aborted", nil
	wrong := run(1, 50)
	wrong.Compliant = false
	other := run(22, 50)
	other.GlobalBatch = pointer(912)
	seedless := run(22, 50)
	seedless.seeds = nil
	for _, test := range []struct {
		name      string
		runs      []Run
		official  bool
		score     float64 // 0 = none
		statement string
	}{
		{"five", []Run{run(20.9724667, 50), run(20.9133, 50), run(20.9402667, 50), run(20.89335, 50), run(20.8892833, 50)}, true, 20.915639, "mean of 5 runs without the fastest and the slowest"},
		{"one aborted", []Run{run(20, 50), run(21, 50), run(22, 50), run(23, 50), aborted}, true, 22, "which is the failed one"},
		{"one that does not comply, though fast", []Run{wrong, run(20, 50), run(21, 50), run(22, 50), run(23, 50)}, true, 22, "which is the failed one"},
		{"two failed", []Run{run(20, 50), run(21, 50), run(22, 50), wrong, aborted}, false, 0, "no score: 2 of 5 runs failed"},
		{"two fast", []Run{run(20, 45), run(21, 45), run(22, 50), run(23, 50), run(24, 50)}, false, 22, "mean of 5 runs"},
		{"one", []Run{run(20, 50)}, false, 0, "no score: 1 of the 5 runs of a submission"},
		{"none good", []Run{aborted}, false, 0, "no score: 1 of 1 runs failed"},
		{"none", nil, false, 0, "no score: 0 of 0"},
		{"four", []Run{run(20, 50), run(21, 50), run(22, 50), run(30, 50)}, false, 21.5, "no official score: a submission has 5"},
		{"six", []Run{run(20, 50), run(21, 50), run(22, 50), run(23, 50), run(24, 50), run(30, 50)}, true, 23, "mean of 5 runs"},
		{"two batch sizes", []Run{run(20, 50), run(21, 50), other, run(23, 50), run(24, 50)}, false, 22, "mean of 5 runs"},
		{"no seed", []Run{run(20, 50), run(21, 50), seedless, run(23, 50), run(24, 50)}, false, 22, "mean of 5 runs"},
		{"one seed twice", []Run{run(20, 50), run(21, 50), run(21, 50), run(23, 50), run(24, 50)}, false, 21.666666667, "mean of 5 runs"},
	} {
		set := NewSet(test.name, test.runs, Options{})
		if set.Official != test.official || !strings.Contains(set.Statement, test.statement) {
			t.Errorf("%s: %+v", test.name, set)
		}
		if (set.Score == nil) != (test.score == 0) || set.Score != nil && !near(*set.Score, test.score) {
			t.Errorf("%s: score %v, want %v", test.name, set.Score, test.score)
		}
		if _, err := json.Marshal(set); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestOpenDivisionNeedsNeitherSeedsNorReference(t *testing.T) {
	var runs []Run
	for i := range 5 {
		r := run(20+float64(i), 10)
		r.Division, r.seeds = "open", nil
		runs = append(runs, r)
	}
	set := NewSet("open", runs, Options{Pruned: true})
	if !set.Official || set.Seeds != nil || set.RCP.Pass || *set.Scaled != *set.Score {
		t.Errorf("%+v", set)
	}
}

func TestScaledByThePrunedPoints(t *testing.T) {
	var runs []Run
	for i := range 5 {
		r := run(10+float64(i), 73)
		r.GlobalBatch = pointer(3072)
		runs = append(runs, r)
	}
	set := NewSet("3072", runs, Options{Pruned: true})
	if !set.Official || !near(*set.Scaled, 12*74.2/73) || !near(*set.Score, 12) {
		t.Errorf("%+v", set)
	}
}

func TestReadForgivesNothingButTakesAnything(t *testing.T) {
	line := func(ms, key, value, metadata string) string {
		return `:::MLLOG {"time_ms": ` + ms + `, "key": "` + key + `", "value": ` + value + `, "metadata": {` + metadata + "}}\n"
	}
	text := line("1e9", "run_start", "null", "") + "other text\n" +
		line("1", "seed", "1.5", `"file": "a", "lineno": 1`) + line("1", "seed", `"x"`, `"file": "a", "lineno": 1`) + line("1", "seed", "7", "") +
		line("1", "train_samples", "100", "") +
		line("1000", "epoch_start", "null", "") + line("3000", "epoch_stop", "null", "") +
		line("1", "eval_accuracy", "0.1", `"epoch_num": 5`) + line("1", "eval_accuracy", "NaN", `"epoch_num": 10`) +
		line("1000060000", "run_stop", "null", `"status": "success"`) + line("2e9", "run_stop", "null", `"status": "success"`) +
		line("1", "eval_accuracy", "0.05", `"epoch_num": 15`)
	got, err := Read("a", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if got.Compliant || *got.Minutes != 1 || *got.Epochs != 10 || *got.Accuracy != 0.1 || *got.Throughput != 50 {
		t.Errorf("%+v", got)
	}
	seeds := CheckSeeds([]Run{got})
	if want := []string{`a:4: seed "x" is no whole number`, "a:5: the seed's metadata lack file or lineno"}; fmt.Sprint(seeds.Errors) != fmt.Sprint(want) || len(seeds.Warnings) != 1 {
		t.Errorf("%v", seeds)
	}
	unread, err := Read("c", strings.NewReader("\n:::MLLOG x\n"+line("1", "seed", "7", `"file": "a", "lineno": 1`)))
	if seeds := CheckSeeds([]Run{unread}); err != nil || fmt.Sprint(seeds.Errors) != "[c:2: cannot be read, so the seeds are not known]" {
		t.Errorf("%v %v", seeds, err)
	}
	endless, err := Read("b", strings.NewReader(line("Infinity", "run_stop", "null", "")+line("0", "run_start", "null", "")))
	if err != nil || endless.Minutes != nil {
		t.Errorf("%+v %v", endless, err)
	}
}

// The first million seeds are as good as a log's only one to fill the memory with.
func TestSeedsAreBounded(t *testing.T) {
	line := `:::MLLOG {"time_ms": 1, "key": "seed", "value": 7, "metadata": {"file": "a", "lineno": 1%s}}` + "\n"
	run, err := Read("a", strings.NewReader(fmt.Sprintf(line, `, "x": "`+strings.Repeat("y", maxSeedMetadata)+`"`)+strings.Repeat(fmt.Sprintf(line, ""), maxSeeds+5)))
	if err != nil || len(run.seeds) != maxSeeds+1 {
		t.Fatalf("%d seeds, %v", len(run.seeds), err)
	}
	if got := run.seeds[0].problem; !strings.HasSuffix(got, "more than 4096 are refused") {
		t.Error(got)
	}
	if got := run.seeds[maxSeeds]; got.line != maxSeeds+1 || got.problem != "more than 10000 seeds" {
		t.Errorf("%+v", got)
	}
}

// Numbers so large that sums of them are none are no answer; a clock that goes back is one, and stands
// against a set.
func TestNumbersThatNoRunHas(t *testing.T) {
	line := `:::MLLOG {"time_ms": %s, "key": "%s", "value": 1, "metadata": {"status": "success", "epoch_num": 1e300}}` + "\n"
	text := fmt.Sprintf(line, "9e5", "run_start") + fmt.Sprintf(line, "9e5", "eval_accuracy") + fmt.Sprintf(line, "6e5", "run_stop")
	got, err := Read("a", strings.NewReader(text))
	if err != nil || got.Minutes == nil || *got.Minutes != -5 || got.Epochs != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	set := NewSet("set", []Run{got}, Options{Division: "open"})
	if want := "a: the clock goes back: run_stop comes 5.000 minutes before run_start"; !slices.Contains(set.Problems, want) {
		t.Errorf("%q, want %q", set.Problems, want)
	}
}

func TestLogsOfAFolderThatCannotBeRead(t *testing.T) {
	if logs, err := Logs(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Errorf("gives %q", logs)
	}
}

// FuzzRead wants an answer that can be printed of any text.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`:::MLLOG {"time_ms": 1e308, "key": "run_start", "value": null, "metadata": {}}` + "\n" +
		`:::MLLOG {"time_ms": -1e308, "key": "run_stop", "value": null, "metadata": {"status": "success"}}`))
	f.Add([]byte(`:::MLLOG {"time_ms": 1, "key": "seed", "value": "\ud800", "metadata": {"file": [1], "lineno": NaN}}`))
	f.Add([]byte(`:::MLLOG {"time_ms": 1, "key": "tracked_stats", "value": {"throughput": 1e999}, "metadata": {"step": 1}}`))
	f.Fuzz(func(t *testing.T, log []byte) {
		run, err := Read("log", bytes.NewReader(log))
		if err != nil || run.Compliant {
			t.Fatalf("%+v %v", run, err)
		}
		runs := []Run{run, run, run, run, run}
		set := NewSet("set", runs, Options{Pruned: true})
		if _, err := json.Marshal(set); err != nil || set.Official {
			t.Errorf("%+v %v", set, err)
		}
		var text strings.Builder
		WriteSet(&text, set)
		if !strings.Contains(text.String(), "no score: 5 of 5 runs failed") {
			t.Error(text.String())
		}
	})
}
