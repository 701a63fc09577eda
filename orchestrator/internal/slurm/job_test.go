// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestSubmit(t *testing.T) {
	ctx := context.Background()
	r := &recorder{answers: []answer{
		{on: "--test-only", stderr: "sbatch: Job 7 to start at 2026-01-01 using 16 processors on nodes n[1-2] in partition batch\n"},
		{on: "--test-only", stderr: "allocation failure: Requested node configuration is not available\n", code: 1},
		{on: "--parsable", stdout: "123;cluster\n"},
		{on: "--parsable", stdout: "Submitted batch job 5\n"},
		{on: "--parsable", stderr: "sbatch: error: Batch job submission failed: Invalid account\n", code: 1},
	}}
	if text, err := TestOnly(ctx, r, "s"); err != nil || !strings.HasPrefix(text, "Job 7 to start") {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := TestOnly(ctx, r, "s"); err == nil || !strings.Contains(err.Error(), "never start: sbatch: exit code 1: allocation failure") {
		t.Error(err)
	}
	if id, err := Submit(ctx, r, "s"); err != nil || id != "123" {
		t.Errorf("%s, %v", id, err)
	}
	for _, want := range []string{"no job number", "Invalid account"} {
		if _, err := Submit(ctx, r, "s"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestJobState(t *testing.T) {
	const head = "JobId=6 JobName=a JobState="
	r := &recorder{answers: []answer{
		{on: "job 1", stdout: head + "RUNNING Reason=None ExitCode=0:0 BatchHost=n1 StdOut=/a b/c\n"},
		{on: "job 2", stdout: head + "TIMEOUT Reason=TimeLimit ExitCode=0:15\n"},
		{on: "job 3", stderr: "slurm_load_jobs error: Invalid job id specified\n", code: 1},
		{on: "job 4", stderr: "Unable to contact slurm controller (connect failure)\n", code: 1},
		{on: "job 5", stdout: "nonsense"},
		{on: "job 6", stdout: head + "FAILED ExitCode=x"},
	}}
	want := map[string]State{"1": {Word: "RUNNING", Reason: "None", Host: "n1"}, "2": {Word: "TIMEOUT", Reason: "TimeLimit", Signal: 15}}
	for _, id := range []string{"1", "2"} {
		if s, err := JobState(context.Background(), r, id); err != nil || s != want[id] || s.Ended() != (id == "2") {
			t.Errorf("job %s: %+v, %v", id, s, err)
		}
	}
	if _, err := JobState(context.Background(), r, "3"); !errors.Is(err, ErrForgotten) {
		t.Error(err)
	}
	for id, want := range map[string]string{"4": "connect failure", "5": "no JobState", "6": "ExitCode=x"} {
		if _, err := JobState(context.Background(), r, id); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("job %s: %v", id, err)
		}
	}
}
