// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// expect compares an error's words; empty is no error.
func expect(t *testing.T, what string, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("%s: error %v, want %q", what, err, want)
	}
}

func TestCheckLog(t *testing.T) {
	line := func(keys ...string) string {
		text := ""
		for _, key := range keys {
			text += fmt.Sprintf(":::MLLOG {\"key\": %q}\n", key)
		}
		return text
	}
	for _, test := range []struct {
		text   string
		killed bool
		state  string
		wrong  string
	}{
		{"", false, "before run_start", ""},
		{line("init_start"), false, "before run_start", ""},
		{line("run_start", "run_stop"), false, "closed", ""},
		{line("run_start"), false, "", "1 run_start and 0 run_stop"},
		{line("run_start"), true, "open", ""},
		{line("run_stop"), true, "", "0 run_start and 1 run_stop"},
		{line("run_start", "run_start", "run_stop"), false, "", "2 run_start"},
		{line("run_start", "run_stop") + ":::MLLOG {", true, "", "ends within a line"},
		{"words\n", true, "", "no line of a log"},
		{":::MLLOG {\"key\n", true, "", "no line of a log"},
	} {
		state, err := checkLog(write(t, "log", test.text), test.killed)
		expect(t, test.text, err, test.wrong)
		if state != test.state {
			t.Errorf("%q: %s, want %s", test.text, state, test.state)
		}
	}
}

func TestCheckRecordWantsTheCause(t *testing.T) {
	here := strike{kind: kind{target: rank, code: 1, says: "killed"}, place: onFake, victim: 3}
	there, cut := here, here
	there.place = onCluster
	cut.place, cut.target, cut.victim, cut.says = onCluster, node, 3, "no sign"
	for _, test := range []struct {
		strike strike
		error  string
		wrong  string
	}{
		{here, "rank 3 on vm (node 0), train: was killed", ""},
		{here, "rank 30, train: was killed", "does not say"},
		{here, "rank 3, train: died", "does not say"},
		{there, "trial 0: rank 3 on n2 (node 1), train: was killed", ""},
		{there, "rank 3 on n1 (node 0), train: was killed", "does not say"},
		{there, "rank 2 on n2 (node 1): stopped: rank 3 on n2 (node 1), train: was killed", "does not say"},
		{cut, "trial 0: rank 4 on n3 (node 2), train: no sign of life", ""},
		{cut, "trial 0: rank 6 on n3 (node 2), train: no sign of life", "does not say"},
	} {
		_, err := checkRecord(test.strike, write(t, "run.json", fmt.Sprintf(`{"status": "aborted", "exit_code": 1, "error": %q}`, test.error)))
		expect(t, test.error, err, test.wrong)
	}
	_, err := checkRecord(here, write(t, "run.json", `{"status": "aborted", "exit_code": 130, "error": "rank 3: killed"}`))
	expect(t, "another exit code", err, "exit code 130")
}

func TestCheckCheckpoints(t *testing.T) {
	path := write(t, "step_000000012.safetensors", "12")
	expect(t, "whole", checkCheckpoints(strike{place: onFake}, filepath.Dir(path)), "")
	expect(t, "no tensor file", checkCheckpoints(strike{place: onReal}, filepath.Dir(path)), "step_000000012")
	path = write(t, "step_000000120.safetensors", "12")
	expect(t, "half", checkCheckpoints(strike{place: onFake}, filepath.Dir(path)), `want "120"`)
}

// A run's clock has no date.
func TestSaidAroundMidnight(t *testing.T) {
	r := run{dir: filepath.Dir(write(t, "err", "words\n00:00:01.250 warn stopping the ranks {}\n"))}
	day := time.Date(2026, 5, 31, 23, 59, 59, 0, time.Local)
	if got := r.said("warn stopping", day); got.Sub(day) != 2250*time.Millisecond {
		t.Errorf("said at %v", got)
	}
	if got := r.said("info ranks met", day); !got.IsZero() {
		t.Errorf("said at %v", got)
	}
}

func TestDrawsEveryKindAndRepeats(t *testing.T) {
	rng, again := rand.New(rand.NewPCG(1, 0)), rand.New(rand.NewPCG(1, 0))
	drawn := map[string]bool{}
	for range 400 {
		for _, place := range []string{onFake, onReal, onCluster} {
			s, err := draw(rng, place, "")
			if err != nil {
				t.Fatal(err)
			}
			if same, _ := draw(again, place, ""); same != s {
				t.Fatalf("%+v and %+v", s, same)
			}
			drawn[place+s.name+string(s.target)] = true
		}
	}
	if len(drawn) != 7+7+10 {
		t.Errorf("drew %d kinds: %v", len(drawn), drawn)
	}
	_, err := draw(rng, onFake, "cut")
	expect(t, "no network here", err, "cut cannot be had on fake runs")
}
