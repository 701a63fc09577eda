// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package submission

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// folder makes one with a file that says its name.
func folder(t *testing.T, path string) string {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "name"), []byte(filepath.Base(path)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func nameIn(path string) string {
	text, err := os.ReadFile(filepath.Join(path, "name"))
	if err != nil {
		return ""
	}
	return string(text)
}

func TestReplaceExchanges(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	if err := replace(folder(t, filepath.Join(dir, "first")), out); err != nil || nameIn(out) != "first" {
		t.Errorf("%q, %v", nameIn(out), err)
	}
	second := folder(t, filepath.Join(dir, "second"))
	if err := replace(second, out); err != nil || nameIn(out) != "second" {
		t.Errorf("%q, %v", nameIn(out), err)
	}
	if got := nameIn(second); got != "first" && got != "" { // the latter where the two cannot be exchanged
		t.Errorf("in the other's place is %q", got)
	}
	if err := replace(filepath.Join(dir, "none"), out); err == nil || nameIn(out) != "second" {
		t.Errorf("%q, %v", nameIn(out), err)
	}
}

// What a killed process has begun goes when somebody builds again; what another works in stays.
func TestWorkplacesOfKilledProcesses(t *testing.T) {
	out := filepath.Join(t.TempDir(), "o[u]t")
	killed, other, foreign := folder(t, out+".12.tmp"), folder(t, out+"x.12.tmp"), folder(t, out+".a.tmp")
	busy, done, err := workplace(out)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	old := time.Now().Add(-time.Hour)
	for _, path := range []string{killed, other, foreign, busy} {
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	work, finish, err := workplace(out)
	if err != nil {
		t.Fatal(err)
	}
	for path, there := range map[string]bool{killed: false, other: true, foreign: true, busy: true, work: true} {
		if isFolder(path) != there {
			t.Errorf("%s: there: %v, want %v", path, isFolder(path), there)
		}
	}
	finish()
	if isFolder(work) {
		t.Errorf("%s stays", work)
	}
}
