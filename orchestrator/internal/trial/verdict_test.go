// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"context"
	"strings"
	"syscall"
	"testing"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/exit"
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
		{"target reached", "success", false, false, nil, exit.OK, ""},
		{"reached as it was told to stop", "success", true, false, context.Canceled, exit.OK, ""},
		{"log not written", "success", false, false, exited(1), exit.Failed, "exit code 1"},
		{"target missed", "aborted", false, false, nil, exit.Failed, "target 0.23 was not reached"},
		{"smoke run ended", "aborted", false, true, nil, exit.OK, ""},
		{"worker failed", "aborted", false, true, exited(1), exit.Failed, "exit code 1"},
		{"interrupted", "aborted", true, true, exited(exit.Interrupted), exit.Interrupted, "the log is closed"},
		{"a rank failed, then interrupted", "aborted", true, false, &rendezvous.Failure{Rank: 4, Text: "no sign of life"}, exit.Failed, "no sign of life"},
		{"ranks interrupted", "aborted", true, false, &rendezvous.Failure{Rank: -1, Text: "interrupted"}, exit.Interrupted, "the log is closed"},
		{"killed as it did not stop", "aborted", true, false,
			&supervise.ExitError{Code: -1, Signal: syscall.SIGKILL, Late: true}, exit.Interrupted, "was killed"},
		{"crashed", "aborted", false, false, &supervise.ExitError{Code: -1, Signal: syscall.SIGSEGV}, exit.Failed, "segmentation fault"},
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
		code, text := exit.CodeOf(err), ""
		if err != nil {
			text = err.Error()
		}
		if code != test.code || !strings.Contains(text, test.want) {
			t.Errorf("%s: exit code %d and %q, want %d and %q", test.name, code, text, test.code, test.want)
		}
	}
}
