// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"mlperf-ssd/orchestrator/internal/lines"
)

// shell is a child that runs a script.
func shell(script string, out, errs io.Writer, progress func(json.RawMessage)) Child {
	return Child{Rank: 3, Path: "/bin/sh", Args: []string{"-c", script}, Input: []byte(`{"a":1}`), Grace: time.Minute, Stdout: out, Stderr: errs, Progress: progress}
}

func TestRunCarriesJobLogErrorsAndProgress(t *testing.T) {
	var out, errs bytes.Buffer
	var progress []string
	err := Run(context.Background(), shell(`cat; echo; echo one >&2; printf two >&2; echo '{"p":1}' >&3; echo '{"p":2}' >&3`,
		&out, &errs, func(p json.RawMessage) { progress = append(progress, string(p)) }))
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != "{\"a\":1}\n" {
		t.Errorf("stdout %q", out.String())
	}
	if errs.String() != "3: one\n3: two\n" {
		t.Errorf("stderr %q", errs.String())
	}
	if strings.Join(progress, " ") != `{"p":1} {"p":2}` {
		t.Errorf("progress %q", progress)
	}
}

func TestRunAddsToTheEnvironment(t *testing.T) {
	t.Setenv("SSD_TEST_KEPT", "kept")
	var out bytes.Buffer
	child := shell(`printf '%s %s' "$SSD_TEST_KEPT" "$SSD_TEST_NEW"; : <&3 2>/dev/null && echo ' a descriptor too many'`, &out, io.Discard, nil)
	child.Env = []string{"SSD_TEST_NEW=new"}
	_ = Run(context.Background(), child) // the shell's last test fails as it should
	if out.String() != "kept new" {
		t.Errorf("printed %q", out.String())
	}
}

// A line that is too long is lost with those behind it, but the worker does not wait for ever to write it;
// what it prints without an end of line is passed on in pieces.
func TestRunReadsLinesWithoutEnd(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var errs bytes.Buffer
	err := Run(ctx, shell(`head -c 2000000 /dev/zero >&3; echo >&3; head -c 100000 /dev/zero | tr '\0' x >&2`, io.Discard, &errs, func(json.RawMessage) {}))
	if err != nil {
		t.Fatal(err)
	}
	if want := "3: " + strings.Repeat("x", lines.Max) + "\n3: " + strings.Repeat("x", 100000-lines.Max) + "\n"; errs.String() != want {
		t.Errorf("%d bytes, want %d", errs.Len(), len(want))
	}
}

func TestRunNamesRankAndCause(t *testing.T) {
	for _, test := range []struct {
		script, want string
	}{
		{"exit 7", "worker of rank 3 ended with exit code 7"},
		{"echo 'SIGSEGV: segmentation violation' >&2; echo 'PC=0x1' >&2; exit 2",
			"worker of rank 3 ended with exit code 2 (SIGSEGV: segmentation violation)"},
		{"kill -KILL $$", "worker of rank 3 was killed (killed): out of memory?"},
		{"kill -SEGV $$", "worker of rank 3 died (segmentation fault)"},
	} {
		err := Run(context.Background(), shell(test.script, io.Discard, io.Discard, nil))
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: %v, want %s", test.script, err, test.want)
		}
	}
	if err := Run(context.Background(), Child{Path: "/none"}); err == nil {
		t.Error("a missing program is no error")
	}
}

func TestRunAsksAWorkerToStop(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := Run(ctx, shell(`trap 'exit 9' TERM; echo '{}' >&3; while :; do sleep 0.01; done`, io.Discard, io.Discard,
		func(json.RawMessage) { cancel() }))
	var exit *ExitError
	if !errors.As(err, &exit) || exit.Code != 9 {
		t.Errorf("got %v", err)
	}
}

func TestExitErrorKeepsTheSignal(t *testing.T) {
	err := Run(context.Background(), shell("kill -TERM $$", io.Discard, io.Discard, nil))
	var exit *ExitError
	if !errors.As(err, &exit) || exit.Signal != syscall.SIGTERM {
		t.Errorf("got %v", err)
	}
}

func TestRunKillsAWorkerThatDoesNotStop(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	child := shell(`trap '' TERM; echo '{}' >&3; while :; do sleep 0.01; done`, io.Discard, io.Discard,
		func(json.RawMessage) { cancel() })
	child.Grace = 50 * time.Millisecond
	err := Run(ctx, child)
	var exit *ExitError
	if !errors.As(err, &exit) || !exit.Late || !strings.Contains(err.Error(), "rank 3 did not stop in time") {
		t.Errorf("got %v", err)
	}
}
