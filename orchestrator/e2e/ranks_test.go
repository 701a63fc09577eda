// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// TestTwoRanksRepeatResumeAndRestart trains with two ranks of the real engine: once whole, once killed
// and resumed, once with a rank killed and begun again by --restarts. All end with the same bytes.
func TestTwoRanksRepeatResumeAndRestart(t *testing.T) {
	skipWithout(t, install.realEngine)
	if testing.Short() {
		t.Skip("trains for a minute: not in short mode")
	}
	const steps = resumeSteps / 2
	dir := t.TempDir()
	mustRun(t, launcher(t.Context(), dir, "prepare", "toy", "data", "--train", strconv.Itoa(resumeImages), "--val", "4"))
	two := []string{"--nproc", "2", "--set", "run.timed=false"}

	mustRun(t, training(t.Context(), dir, "whole", two...))
	whole := checkpoint(dir, "whole", steps)

	killAt(t, training(t.Context(), dir, "killed", two...), checkpoint(dir, "killed", 1))
	mustRun(t, training(t.Context(), dir, "killed", append(two, "--resume")...))
	sameTensors(t, whole, checkpoint(dir, "killed", steps))

	restart(t, dir, "restarted", append(two, "--restarts", "3")...)
	sameTensors(t, whole, checkpoint(dir, "restarted", steps))
}

// restart kills a worker after the first checkpoint; the run has to end well all the same.
func restart(t *testing.T, dir, logDir string, more ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := training(ctx, dir, logDir, more...)
	var words bytes.Buffer
	cmd.Stderr = &words
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !await(ctx, func() bool { return missing(checkpoint(dir, logDir, 1)) == "" }) {
		t.Fatal("no checkpoint")
	}
	workers := childrenOf(cmd.Process.Pid)
	if len(workers) == 0 {
		t.Fatal("no workers")
	}
	if err := syscall.Kill(workers[0], syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, words.String())
	}
	text, err := os.ReadFile(filepath.Join(dir, logDir, "run.json"))
	var record struct {
		Restarts int `json:"restarts"`
		ExitCode int `json:"exit_code"`
	}
	if err == nil {
		err = json.Unmarshal(text, &record)
	}
	if err != nil || record.Restarts != 1 || record.ExitCode != 0 {
		t.Errorf("run.json %s (%v)", text, err)
	}
	if missing(filepath.Join(dir, logDir, "result_0.txt.aborted_1")) != "" {
		t.Error("the log before the restart is not there")
	}
}
