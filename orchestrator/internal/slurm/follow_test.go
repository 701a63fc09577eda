// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// follow runs a Follower in simulated time. The states come one a question, the last one stays.
func follow(t *testing.T, states []answer, during func(interrupt chan<- os.Signal, log string)) (state State, said, printed string, lines []string, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log := filepath.Join(t.TempDir(), "log")
		r := &recorder{answers: states}
		interrupt := make(chan os.Signal)
		var out, words bytes.Buffer
		f := &Follower{Runner: r, Job: "7", Log: log, Out: &out, Interrupt: interrupt,
			Say: func(text string) { words.WriteString(text + "\n") }}
		go during(interrupt, log)
		state, err = f.Follow(t.Context())
		said, printed, lines = words.String(), out.String(), r.lines
	})
	return state, said, printed, lines, err
}

func jobIs(state, more string) answer {
	return answer{on: "show job 7", stdout: "JobState=" + state + " ExitCode=0:0 " + more}
}

func TestFollowShowsTheLogToItsEnd(t *testing.T) {
	state, said, printed, _, err := follow(t, []answer{
		jobIs("PENDING", "Reason=Resources"), jobIs("PENDING", "Reason=Resources"),
		{on: "show job 7", stderr: "connect failure", code: 1},
		jobIs("RUNNING", "Reason=None BatchHost=n1"), jobIs("COMPLETED", "BatchHost=n1"),
	}, func(_ chan<- os.Signal, log string) {
		time.Sleep(3 * time.Second)
		if err := os.WriteFile(log, []byte("one\n"), 0o600); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		file, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer file.Close()
		if _, err := file.WriteString("two\n"); err != nil {
			t.Error(err)
		}
	})
	if err != nil || state.Word != "COMPLETED" || printed != "one\ntwo\n" {
		t.Errorf("%+v, %v, log %q", state, err, printed)
	}
	if want := "job 7: PENDING (Resources)\njob 7: RUNNING on n1\njob 7: COMPLETED\n"; said != want {
		t.Errorf("said %q, want %q", said, want)
	}
}

func TestFollowAsksBeforeItCancels(t *testing.T) {
	running := jobIs("RUNNING", "")
	running.stays = true
	_, said, _, lines, err := follow(t, []answer{running}, func(interrupt chan<- os.Signal, _ string) {
		interrupt <- os.Interrupt
		time.Sleep(time.Minute) // the question is forgotten
		for range 3 {
			interrupt <- os.Interrupt
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if strings.Count(said, "cancel it?") != 2 || strings.Count(said, "cancelling job 7") != 1 {
		t.Errorf("said %q", said)
	}
	if n := len(lines) - len(slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return l == "scancel 7" })); n != 1 {
		t.Errorf("%d times scancel", n)
	}
}

func TestFollowEndsWithoutAController(t *testing.T) {
	_, _, _, lines, err := follow(t, []answer{{on: "show job", stderr: "connect failure", code: 1, stays: true}}, func(chan<- os.Signal, string) {})
	if err == nil || !strings.Contains(err.Error(), "job 7 goes on, but the controller is silent") || len(lines) != manyMisses {
		t.Errorf("%v after %d questions", err, len(lines))
	}
	_, _, _, _, err = follow(t, []answer{jobIs("RUNNING", ""), {on: "show job", stderr: "Invalid job id specified", code: 1}}, func(chan<- os.Signal, string) {})
	if !errors.Is(err, ErrForgotten) {
		t.Error(err)
	}
}
