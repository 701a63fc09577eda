// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mlperf-ssd/orchestrator/internal/tensorfile"
)

// What TestResumeIsBitIdentical trains: two epochs of four steps.
const (
	resumeImages = 8
	resumeBatch  = 2
	resumeEpochs = 2
	resumeSteps  = resumeEpochs * resumeImages / resumeBatch
)

// TestResumeIsBitIdentical kills a run at a random step, goes on from its last checkpoint, and wants
// the weights, momentum and statistics of a run that was never interrupted, bit for bit.
func TestResumeIsBitIdentical(t *testing.T) {
	skipWithout(t, install.realEngine)
	if testing.Short() {
		t.Skip("trains for a minute: not in short mode")
	}
	dir := t.TempDir()
	mustRun(t, launcher(t.Context(), dir, "prepare", "toy", "data", "--train", strconv.Itoa(resumeImages), "--val", "4"))

	mustRun(t, training(t.Context(), dir, "whole"))

	seed := uint64(time.Now().UnixNano())
	step := 1 + rand.New(rand.NewPCG(seed, 0)).IntN(resumeSteps-2) // not so late that the run ends first
	t.Logf("killing after the checkpoint of step %d (random seed %d)", step, seed)
	killAt(t, training(t.Context(), dir, "killed"), checkpoint(dir, "killed", step))
	mustRun(t, training(t.Context(), dir, "killed", "--resume"))

	whole, resumed := trackedStats(t, dir, "whole"), trackedStats(t, dir, "killed")
	if want := resumeSteps + resumeEpochs; whole != want || resumed == 0 || resumed > want-step {
		t.Errorf("%d reports of the whole run, %d after the resume; want %d and at most %d", whole, resumed, want, want-step)
	}
	sameTensors(t, checkpoint(dir, "whole", resumeSteps), checkpoint(dir, "killed", resumeSteps))
}

func launcher(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, install.program, args...)
	cmd.Dir = dir
	cmd.Env = cleanEnvironment()
	return cmd
}

func training(ctx context.Context, dir, logDir string, more ...string) *exec.Cmd {
	args := []string{"launch"}
	for _, set := range []string{
		"run.log_dir=" + logDir, "run.seed=20260727", "run.smoke=true", "run.checkpoint_every_steps=1", "run.log_interval=1",
		"run.epochs=" + strconv.Itoa(resumeEpochs), "eval.interval=100",
		"data.dir=data", "data.train_samples=" + strconv.Itoa(resumeImages), "data.eval_samples=4",
		"model.precision=f32", "model.batch_size=" + strconv.Itoa(resumeBatch),
		"optimizer.base_lr=0.02", "optimizer.warmup_epochs=0",
	} {
		args = append(args, "--set", set)
	}
	return launcher(ctx, dir, append(args, more...)...)
}

func mustRun(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, text)
	}
}

// killAt starts the run and kills it when the file is there; its worker has to die with it.
func killAt(t *testing.T, cmd *exec.Cmd, file string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	there := await(ctx, func() bool { return missing(file) == "" })
	workers := childrenOf(cmd.Process.Pid)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	if !there || err == nil {
		t.Fatalf("%s did not appear before the run ended (%v)", file, err)
	}
	if !await(ctx, func() bool { return !slices.ContainsFunc(workers, alive) }) {
		t.Fatalf("a worker of %v outlives the killed run", workers)
	}
}

func checkpoint(dir, logDir string, step int) string {
	number := strconv.Itoa(step)
	return filepath.Join(dir, logDir, "checkpoints", "step_"+strings.Repeat("0", 9-len(number))+number+".safetensors")
}

// trackedStats is how many reports of steps and epochs a log has.
func trackedStats(t *testing.T, dir, logDir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, logDir, "result_0.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(text, []byte(`"key": "tracked_stats"`))
}

func sameTensors(t *testing.T, a, b string) {
	t.Helper()
	whole, resumed := open(t, a), open(t, b)
	if !slices.Equal(whole.Names(), resumed.Names()) || len(whole.Names()) == 0 {
		t.Fatalf("tensors %v and %v", whole.Names(), resumed.Names())
	}
	for _, name := range whole.Names() {
		want, err := whole.Bytes(name)
		got, gotErr := resumed.Bytes(name)
		if err != nil || gotErr != nil {
			t.Fatal(err, gotErr)
		}
		if !bytes.Equal(want, got) {
			t.Errorf("%s differs after the resume", name)
		}
	}
}

func open(t *testing.T, path string) *tensorfile.File {
	t.Helper()
	file, err := tensorfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}
