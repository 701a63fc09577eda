// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"testing"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/exit"
)

func TestReportGivesTheExitCode(t *testing.T) {
	failed := errors.New("the benchmark was stopped")
	for _, test := range []struct {
		err         error
		interrupted bool
		want        int
	}{
		{nil, true, exit.OK}, // it was done all the same
		{failed, false, exit.Failed},
		{failed, true, exit.Interrupted},
		{fmt.Errorf("verify: %w", context.Canceled), true, exit.Interrupted},
		{usageError(failed), true, exit.WrongUse},
		{exit.With(exit.Stuck, failed), false, exit.Stuck},
		{cli.Exit("No help topic for 'x'", 3), false, exit.WrongUse},
		{fmt.Errorf("srun: %w", &exec.ExitError{}), false, exit.Failed},
	} {
		if got := report(test.err, test.interrupted); got != test.want {
			t.Errorf("%v (interrupted: %v): exit code %d, want %d", test.err, test.interrupted, got, test.want)
		}
	}
}
