// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mlperf-ssd/orchestrator/internal/exit"
)

func TestPrepareAnnotations(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.json"), filepath.Join(dir, "out.json")
	text := `{"images":[{"id":1,"license":2}],"annotations":[{"area":7,"id":3},{"id":4}],"categories":[]}`
	if err := os.WriteFile(in, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	shown, code := prepare(t, "annotations", in, out, "--keep-keys", "--indent", "4", "--json")
	var got struct {
		Output                          string
		Images, Annotations, Categories int
	}
	if err := json.Unmarshal([]byte(shown), &got); err != nil || code != exit.OK {
		t.Fatalf("exit %d: %v: %s", code, err, shown)
	}
	if got.Output != out || got.Images != 1 || got.Annotations != 2 || got.Categories != 0 {
		t.Errorf("reported %+v", got)
	}
	made, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(made), "            \"area\": 1.0,\n") {
		t.Errorf("made %s (%v)", made, err)
	}
	if err := os.WriteFile(in, []byte(text[:40]), 0o600); err != nil {
		t.Fatal(err)
	}
	if shown, code := prepare(t, "annotations", in, out); code != exit.Failed || !strings.Contains(shown, in+": ") {
		t.Errorf("exit %d, want %d: %s", code, exit.Failed, shown)
	}
	if still, err := os.ReadFile(out); err != nil || string(still) != string(made) {
		t.Errorf("a failure changed %s to %s (%v)", out, still, err)
	}
}
