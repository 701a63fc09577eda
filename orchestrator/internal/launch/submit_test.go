// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mlperf-ssd/orchestrator/internal/exit"
	"mlperf-ssd/orchestrator/internal/slurm"
)

// controller answers as scontrol does; at hears of each question before.
type controller struct {
	state string
	at    func(command string)
}

func (c *controller) Run(_ context.Context, command slurm.Command) error {
	c.at(command.Name)
	if command.Stdout != nil {
		fmt.Fprintf(command.Stdout, "JobId=7 %s", c.state)
	}
	return nil
}

func kill(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), sig); err != nil {
		t.Error(err)
	}
}

// A job outlives who follows it, unless that one cancels it by a second Ctrl-C.
func TestFollowing(t *testing.T) {
	log := filepath.Join(t.TempDir(), "7.out")
	if err := os.WriteFile(log, []byte("words"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, state string
		signals     []syscall.Signal // at the first question; from then on at each word said
		code        int
		want        string
		cancelled   bool
	}{
		{"ends", "JobState=COMPLETED ExitCode=0:0", nil, exit.OK, "", false},
		{"fails", "JobState=FAILED ExitCode=3:0", nil, 3, "failed with exit code 3", false},
		{"SIGTERM", "JobState=RUNNING", []syscall.Signal{syscall.SIGTERM}, exit.Interrupted, "job 7 goes on", false},
		{"terminal gone", "JobState=RUNNING", []syscall.Signal{syscall.SIGHUP}, exit.Interrupted, "`scancel 7` ends it", false},
		{"Ctrl-C twice", "JobState=RUNNING", []syscall.Signal{syscall.SIGINT, syscall.SIGINT}, exit.Interrupted, "was cancelled", true},
	} {
		left, cancelled := test.signals, false
		next := func() {
			if len(left) > 0 {
				sig := left[0]
				left = left[1:]
				kill(t, sig)
			}
		}
		c := &controller{state: test.state}
		asked := false
		c.at = func(command string) {
			if command == "scancel" {
				cancelled, c.state = true, "JobState=CANCELLED"
			} else if !asked {
				asked = true
				next()
			}
		}
		say := func(text string) {
			if strings.Contains(text, "cancel it?") {
				next()
			}
		}
		_, err := followJob(context.Background(), c, submission{Job: "7", Log: log}, io.Discard, say)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if exit.CodeOf(err) != test.code || !strings.Contains(text, test.want) || cancelled != test.cancelled {
			t.Errorf("%s: exit code %d, %q, cancelled %v", test.name, exit.CodeOf(err), text, cancelled)
		}
	}
}
