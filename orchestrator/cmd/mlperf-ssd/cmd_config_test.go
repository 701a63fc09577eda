// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mlperf-ssd/orchestrator/internal/exit"
)

// runConfig calls `mlperf-ssd config` and gives what it prints and its error.
func runConfig(t *testing.T, args ...string) (string, error) {
	t.Helper()
	for _, name := range []string{"BATCHSIZE", "NUMEPOCHS", "DATADIR", "LOGDIR", "PRETRAINED_DIR", "NEXP", "EXTRA_PARAMS"} {
		t.Setenv(name, "")
	}
	app := newApp()
	var out bytes.Buffer
	app.Writer = &out
	err := app.Run(append([]string{"mlperf-ssd", "config"}, args...))
	return out.String(), err
}

func TestConfigShowNamesOrigins(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(file, []byte("[cluster]\nnodes = 4\n[model]\nbatch_size = 114\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := runConfig(t, "show", "--config", file, "--set", "optimizer.base_lr=0.003157", "--set", "optimizer.warmup_epochs=3", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Values []struct {
			Key    string
			Value  any
			Origin string
		}
		Derived derived
	}
	if err := json.Unmarshal([]byte(out), &document); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, v := range document.Values {
		if v.Value == nil {
			t.Errorf("%s has no value", v.Key)
		}
		got[v.Key] = v.Origin
	}
	for key, want := range map[string]string{
		"cluster.nodes": file + ":2", "model.batch_size": file + ":4", "optimizer.base_lr": "--set", "run.epochs": "default",
	} {
		if got[key] != want {
			t.Errorf("%s comes from %q, want %q", key, got[key], want)
		}
	}
	want := derived{Ranks: 4, GlobalBatch: 456, LearningRate: 0.04498725, WarmupSteps: 771, StepsPerEpoch: 258, BNSpan: 114}
	if diff := cmp.Diff(want, document.Derived); diff != "" {
		t.Error(diff)
	}
}

func TestConfigCheckListsEveryProblem(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.toml"), filepath.Join(dir, "bad.toml")
	for file, text := range map[string]string{good: "[run]\nepochs = 1\n", bad: "[run]\nepoch = 1\n\n[model]\nbatch_size = 0\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := runConfig(t, "check", good, bad)
	if err == nil || report(err, false) != exit.Failed {
		t.Errorf("got %v", err)
	}
	for _, want := range []string{good + ": fine\n", bad + ":2: run.epoch is no key", bad + ":5: model.batch_size is 0"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %q", want, out)
		}
	}
	if _, err := runConfig(t, "check"); report(err, false) != exit.WrongUse {
		t.Errorf("without a file: %v", err)
	}
}

func TestConfigListHasEveryShippedFile(t *testing.T) {
	dir := "../../../configs"
	files, err := filepath.Glob(filepath.Join(dir, "*.toml"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := runConfig(t, "list", "--json", dir)
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]any
	if err := json.Unmarshal([]byte(out), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(files) || len(rows) == 0 {
		t.Errorf("%d rows of %d files", len(rows), len(files))
	}
	if _, err := runConfig(t, "list", t.TempDir()); err == nil {
		t.Error("an empty folder is no error")
	}
}
