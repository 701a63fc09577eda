// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"mlperf-ssd/orchestrator/internal/exit"
)

// prepare runs the program with arguments and gives its output and exit code.
func prepare(t *testing.T, arguments ...string) (string, int) {
	t.Helper()
	app := newApp()
	var out bytes.Buffer
	app.Writer = &out
	err := app.Run(append([]string{"mlperf-ssd", "prepare"}, arguments...))
	if err != nil {
		out.WriteString(err.Error())
	}
	return out.String(), report(err, false)
}

func TestPrepareToyTakesFlagsOnBothSides(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "toy")
	for _, arguments := range [][]string{
		{"toy", dir, "--train", "2", "--val=1", "--seed", "9", "--json"},
		{"toy", "--json", "--train", "2", "--val", "1", "--seed", "9", dir},
		{"toy", "--json", "--train", "2", "--", dir}, // val and seed differ: refused
	} {
		out, code := prepare(t, arguments...)
		if arguments[4] == "--" {
			if code != exit.Failed || !strings.Contains(out, "another data set") {
				t.Errorf("%q: exit %d: %s", arguments, code, out)
			}
			continue
		}
		var got struct {
			Train, Val, Seed int
			Dir              string
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil || code != exit.OK {
			t.Fatalf("%q: exit %d: %v: %s", arguments, code, err, out)
		}
		if got.Train != 2 || got.Val != 1 || got.Seed != 9 || got.Dir != dir {
			t.Errorf("%q: %+v", arguments, got)
		}
	}
}

func TestPrepareRefusesWrongUse(t *testing.T) {
	dir := t.TempDir()
	for want, arguments := range map[string][]string{
		"takes one folder, 0":                 {"toy"},
		"takes one folder, 2":                 {"toy", dir, dir},
		"prepare toy has no flag --nope: see": {"toy", dir, "--nope"},
		"--train needs a value":               {"toy", dir, "--train"},
		`value "x" for --train`:               {"toy", dir, "--train", "x"},
		"--train is 0, must be 1":             {"toy", dir, "--train", "0"},
		"takes a .pth file or its address":    {"backbone", "a.pth"},
		"the file to read and the file":       {"annotations", "a.json"},
		"http:// or https:// and host":        {"coco", dir, "--base-url", "ftp://x"},
		"exclude each other":                  {"coco", dir, "--keep-archives", "--remove-archives"},
		"--jobs is 0":                         {"coco", dir, "--jobs", "0"},
		"names no .pth file":                  {"backbone", "http://localhost/a.zip", "b.safetensors"},
		"prepare verify takes one folder":     {"verify"},
		"--threads is 4097":                   {"verify", dir, "--threads", "4097"},
		"--indent is 17":                      {"annotations", "a.json", "b.json", "--indent", "17"},
	} {
		if out, code := prepare(t, arguments...); code != exit.WrongUse || !strings.Contains(out, want) {
			t.Errorf("%q: exit %d, want %d: %s", arguments, code, exit.WrongUse, out)
		}
	}
	if out, code := prepare(t, "backbone", "/none.pth", filepath.Join(dir, "a.safetensors")); code != exit.Failed || !strings.Contains(out, "/none.pth") {
		t.Errorf("exit %d, want %d: %s", code, exit.Failed, out)
	}
}
