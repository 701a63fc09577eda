// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package mllog

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// begun is the log of a run up to where an epoch and two evaluations are open, and the run itself.
func begun(t *testing.T, out *bytes.Buffer) *Run {
	t.Helper()
	r := New(out)
	at := time.UnixMilli(1000)
	r.phase = initialized
	for _, err := range []error{
		r.RunStart(at), r.Shape(at, 8, 8), r.EpochStart(at, 1, 0), r.EpochStop(at), r.EvalStart(at, 1), r.EpochStart(at, 2, 0), r.EpochStop(at),
		r.EvalStart(at, 2), r.EpochStart(at, 3, 0), r.EvalStop(at, 1, 0.5),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func TestCloseAborted(t *testing.T) {
	var log bytes.Buffer
	run := begun(t, &log)
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("some words\n"+log.String()+`:::MLLOG {"namespace": "", "ti`), 0o600); err != nil {
		t.Fatal(err)
	}
	if closed, err := CloseAborted(path, time.UnixMilli(5000)); err != nil || !closed {
		t.Fatalf("%v, %v", closed, err)
	}
	// What the run itself would have written, but for the place in the source.
	if err := run.RunStop(time.UnixMilli(5000), false); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("some words\n"+placeless(log.String()), placeless(string(got))); diff != "" {
		t.Error(diff)
	}
	if closed, err := CloseAborted(path, time.UnixMilli(6000)); err != nil || closed {
		t.Errorf("a closed log: %v, %v", closed, err)
	}
}

// placeless blanks the source file and line of a log.
func placeless(log string) string {
	var out strings.Builder
	for line := range strings.Lines(log) {
		head, rest, found := strings.Cut(line, `"file": "`)
		if found {
			_, after, _ := strings.Cut(rest, `"lineno": `)
			line = head + strings.TrimLeft(after, "0123456789")
		}
		out.WriteString(line)
	}
	return out.String()
}

func TestCloseAbortedNeverGoesBack(t *testing.T) {
	var log bytes.Buffer
	begun(t, &log)
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, log.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := CloseAborted(path, time.UnixMilli(1)); err != nil {
		t.Fatal(err)
	}
	got, _ := os.ReadFile(path)
	if strings.Contains(string(got), `"time_ms": 1,`) || !strings.HasSuffix(string(got), "\"status\": \"aborted\"}}\n") {
		t.Errorf("%s", got)
	}
}

func TestCloseAbortedLeavesOthersAlone(t *testing.T) {
	for text, want := range map[string]string{"": "", "no log": "", ":::MLLOG {\n": "unexpected end"} {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		closed, err := CloseAborted(path, time.Now())
		if closed || (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v", text, closed, err)
		}
		if got, _ := os.ReadFile(path); string(got) != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	if _, err := CloseAborted("/none", time.Now()); err == nil {
		t.Error("a missing log is no error")
	}
}
