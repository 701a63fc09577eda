// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package submission

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mlperf-ssd/orchestrator/internal/compliance/logtest"
)

func mentions(findings []Finding, text string) bool {
	for _, f := range findings {
		if strings.Contains(f.Path+": "+f.Problem, text) {
			return true
		}
	}
	return false
}

// One change to a submission that passes.
func TestCheckAfterOneChange(t *testing.T) {
	system := func(change func(System)) func(string) error {
		return func(org string) error {
			s := machine()
			change(s)
			return s.WriteFile(filepath.Join(org, "systems", "Machine-1.json"))
		}
	}
	result := func(name string, run logtest.Run) func(string) error {
		return func(org string) error {
			writeLog(t, filepath.Join(org, "results", "Machine-1", "ssd", name), run)
			return nil
		}
	}
	write := func(name, text string) func(string) error {
		return func(org string) error {
			path := filepath.Join(org, name)
			return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600))
		}
	}
	remove := func(name string) func(string) error {
		return func(org string) error { return os.RemoveAll(filepath.Join(org, name)) }
	}
	whole := os.DirFS(build(t))
	const ssd = "results/Machine-1/ssd/"
	for _, test := range []struct {
		name, want string
		pass       bool
		change     func(org string) error
	}{
		{"a field less", "lacks the fields cooling", false, system(func(s System) { delete(s, "cooling") })},
		{"no division", "lacks the fields division", false, system(func(s System) { delete(s, "division") })},
		{"another division", `division is "shut"`, false, system(func(s System) { s["division"] = "shut" })},
		{"the open division", "is of the closed division", true, system(func(s System) { s["division"] = "open" })},
		{"a field more", "has the field colling", true, system(func(s System) { s["colling"] = "air" })},
		{"a number", `write "4"`, false, write("systems/Machine-1.json", `{"accelerators_per_node": 4}`)},
		{"no JSON", "Machine-1.json", false, write("systems/Machine-1.json", "{")},
		{"no system", "is missing", false, remove("systems/Machine-1.json")},
		{"a system more", "has no results/Machine-2", true, func(org string) error {
			return machine().WriteFile(filepath.Join(org, "systems", "Machine-2.json"))
		}},
		{"four logs", "holds 4 logs", false, remove(ssd + "result_1.txt")},
		{"six logs", "holds 6 logs", false, result("result_5.txt", logtest.Run{Minutes: 25, Epochs: 50, Batch: 456, Seed: 5})},
		{"one log that does not comply", "does not comply", true, write(ssd+"result_1.txt", ":::MLLOG\n"+
			`:::MLLOG {"time_ms": 1, "key": "seed", "value": 9, "metadata": {"file": "a", "lineno": 1}}`+"\n"+
			`:::MLLOG {"time_ms": 1, "key": "global_batch_size", "value": 456, "metadata": {}}`)},
		{"two logs that do not comply", "2 of 5 logs do not comply", false, func(org string) error {
			return errors.Join(write(ssd+"result_1.txt", "x")(org), write(ssd+"result_2.txt", "x")(org))
		}},
		{"two aborted runs", "insufficient convergence", false, func(org string) error {
			writeLog(t, filepath.Join(org, ssd, "result_1.txt"), logtest.Run{Minutes: 20, Epochs: 50, Batch: 456, Seed: 8, Aborted: true})
			writeLog(t, filepath.Join(org, ssd, "result_2.txt"), logtest.Run{Minutes: 20, Epochs: 50, Batch: 456, Seed: 9, Aborted: true})
			return nil
		}},
		{"one aborted run", "", true, result("result_1.txt", logtest.Run{Minutes: 25, Epochs: 50, Batch: 456, Seed: 9, Aborted: true})},
		{"a seed twice", "stands in result_0.txt", false, result("result_1.txt", logtest.Run{Minutes: 20, Epochs: 50, Batch: 456, Seed: 0})},
		{"another batch size", "no global_batch_size that all logs agree on", false, result("result_1.txt", logtest.Run{Minutes: 20, Epochs: 50, Batch: 912, Seed: 9})},
		{"two fast runs", "missing RCP", false, func(org string) error {
			writeLog(t, filepath.Join(org, ssd, "result_1.txt"), logtest.Run{Minutes: 20, Epochs: 45, Batch: 456, Seed: 8})
			writeLog(t, filepath.Join(org, ssd, "result_2.txt"), logtest.Run{Minutes: 20, Epochs: 45, Batch: 456, Seed: 9})
			return nil
		}},
		{"another file", "1 entries that are no result_*.txt", true, write(ssd+"notes.md", "x")},
		{"another benchmark", "is skipped", true, write("results/Machine-1/bert/result_0.txt", "x")},
		{"an empty system", "holds no benchmark", true, func(org string) error { return os.Mkdir(filepath.Join(org, "results", "Machine-1x"), 0o755) }},
		{"a space", "has a space", false, write("benchmarks/a b", "x")},
		{"an escape", "has what cannot be printed", false, write("benchmarks/a\x1b[2Jb", "x")},
		{"no UTF-8", "has what cannot be printed", false, write("benchmarks/a\xff", "x")},
		{"a dot", "starts with a dot", false, write("benchmarks/.a/b", "x")},
		{"a broken link", "is a broken link", false, func(org string) error { return os.Symlink("nowhere", filepath.Join(org, "benchmarks", "link")) }},
		{"a log that is a broken link", "is a broken link", false, func(org string) error {
			path := filepath.Join(org, ssd, "result_1.txt")
			return errors.Join(os.Remove(path), os.Symlink("nowhere", path))
		}},
		{"a link", "", true, func(org string) error { return os.Symlink("../systems", filepath.Join(org, "benchmarks", "link")) }},
		{"a large file", "has 51 MB, at most 50", false, func(org string) error {
			path := filepath.Join(org, "benchmarks", "large")
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 51<<20))
		}},
		{"no code", "the code of the submission", true, remove("benchmarks")},
		{"no results", "there are no results", false, remove("results")},
		{"neither", "holds no organisation", false, func(org string) error { return errors.Join(remove("results")(org), remove("systems")(org)) }},
	} {
		out := t.TempDir()
		if err := os.CopyFS(out, whole); err != nil {
			t.Fatal(err)
		}
		if err := test.change(filepath.Join(out, "Org")); err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		report, err := Check(out, false)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		found := report.Errors
		if test.pass {
			found = report.Warnings
		}
		if report.Pass() != test.pass || test.want != "" && !mentions(found, test.want) {
			t.Errorf("%s: errors %v, warnings %v", test.name, report.Errors, report.Warnings)
		}
	}
	if _, err := Check("nowhere", false); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Error(err)
	}
}
