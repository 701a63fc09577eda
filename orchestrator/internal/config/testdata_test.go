// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each line marked "#! text" of a bad file, and no other, gives an error with its number and text.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.bad.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := map[int]string{}
		for i, line := range strings.Split(string(text), "\n") {
			if _, message, found := strings.Cut(line, " #! "); found {
				want[i+1] = message
			}
		}
		_, err = Load(Source{File: file})
		if err == nil {
			t.Errorf("%s: no error", file)
			continue
		}
		problems := strings.Split(err.Error(), "\n")
		for line, message := range want {
			prefix := fmt.Sprintf("%s:%d: %s", file, line, message)
			found := false
			for _, problem := range problems {
				found = found || strings.HasPrefix(problem, prefix)
			}
			if !found {
				t.Errorf("no error %q", prefix)
			}
		}
		if len(problems) != len(want) {
			t.Errorf("%d errors, want %d:\n%v", len(problems), len(want), err)
		}
	}
}

func TestFormsOfTOML(t *testing.T) {
	const file = "testdata/forms.good.toml"
	c, err := Load(Source{File: file})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range c.Fields() {
		if f.Origin != "default" {
			got[f.Key] = f.Text() + " " + strings.TrimPrefix(f.Origin, file)
		}
	}
	want := map[string]string{
		"cluster.nodes":           "2 :2",
		"cluster.gpus_per_node":   "4 :2",
		"model.batch_size":        "16 :3",
		"eval.target":             "0.5 :4",
		"optimizer.warmup_epochs": "3 :7",
		"optimizer.decay_epochs":  "[3, 7] :8",
		"optimizer.base_lr":       "0.01 :12",
		"run.log_dir":             `"[model] batch_size = 9" :15`,
		"run.smoke":               "true :16",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
