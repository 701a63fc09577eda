// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/rendezvous"
	"mlperf-ssd/orchestrator/internal/supervise"
	"mlperf-ssd/orchestrator/internal/worker"
)

func TestVerdict(t *testing.T) {
	exited := func(code int) error { return &supervise.ExitError{Code: code} }
	for _, test := range []struct {
		name, status   string
		stopped, smoke bool
		end            error
		code           int
		want           string
	}{
		{"target reached", "success", false, false, nil, exitOK, ""},
		{"reached as it was told to stop", "success", true, false, context.Canceled, exitOK, ""},
		{"log not written", "success", false, false, exited(1), exitFailed, "exit code 1"},
		{"target missed", "aborted", false, false, nil, exitFailed, "target 0.23 was not reached"},
		{"smoke run ended", "aborted", false, true, nil, exitOK, ""},
		{"worker failed", "aborted", false, true, exited(1), exitFailed, "exit code 1"},
		{"interrupted", "aborted", true, true, exited(exitInterrupted), exitInterrupted, "the log is closed"},
		{"a rank failed, then interrupted", "aborted", true, false, &rendezvous.Failure{Rank: 4, Text: "no sign of life"}, exitFailed, "no sign of life"},
		{"ranks interrupted", "aborted", true, false, &rendezvous.Failure{Rank: -1, Text: "interrupted"}, exitInterrupted, "the log is closed"},
		{"killed as it did not stop", "aborted", true, false,
			&supervise.ExitError{Code: -1, Signal: syscall.SIGKILL, Late: true}, exitInterrupted, "was killed"},
		{"crashed", "aborted", false, false, &supervise.ExitError{Code: -1, Signal: syscall.SIGSEGV}, exitFailed, "segmentation fault"},
	} {
		ctx, cancel := context.WithCancel(context.Background())
		if test.stopped {
			cancel()
		}
		c, err := config.Load(config.Source{})
		if err != nil {
			t.Fatal(err)
		}
		c.Run.Smoke = test.smoke
		err = verdict(ctx, c, worker.Outcome{Status: test.status}, test.end)
		cancel()
		code, text := exitOK, ""
		var exit *exitError
		if err != nil {
			code, text = exitFailed, err.Error()
		}
		if errors.As(err, &exit) {
			code = exit.code
		}
		if code != test.code || !strings.Contains(text, test.want) {
			t.Errorf("%s: exit code %d and %q, want %d and %q", test.name, code, text, test.code, test.want)
		}
	}
}
