// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/exit"
	"mlperf-ssd/orchestrator/internal/job"
	"mlperf-ssd/orchestrator/internal/progress"
	"mlperf-ssd/orchestrator/internal/tensorfile"
	"mlperf-ssd/orchestrator/internal/worker"
)

func configuration(t *testing.T, sets ...string) *config.Config {
	t.Helper()
	c, err := config.Load(config.Source{Sets: append(sets, "run.log_dir="+t.TempDir())})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A worker that is killed sends no outcome: what its progress told stands for it.
func TestProgressIsTheOutcomeOfAKilledWorker(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	view, e := progress.New(null), ending{outcome: worker.Outcome{Status: "aborted", Seed: 3}}
	for _, raw := range []string{
		`{"progress": {"phase": "train", "epoch": 2, "iteration": 4, "iterations": 4, "step": 8, "losses": [9, 8], "accuracy": [{"epoch": 1, "ap": 0.2}]}}`,
		`no JSON`,
		`{"progress": {"phase": "train", "epoch": 3, "iteration": 1, "iterations": 4, "step": 9, "losses": [9, 8], "accuracy": [{"epoch": 1, "ap": 0.2}, {"epoch": 2, "ap": 0.1}]}}`,
	} {
		e.take([]byte(raw), view)
	}
	if o := e.outcome; o.Epochs != 2 || o.Steps != 9 || o.BestAP != 0.2 || o.Seed != 3 || e.step != 9 {
		t.Errorf("got %+v at step %d", o, e.step)
	}
	e.take([]byte(`{"outcome": {"status": "success", "epochs": 4}}`), view)
	if o := e.outcome; o.Status != "success" || o.Epochs != 4 {
		t.Errorf("got %+v", o)
	}
}

func TestSeedsCountUpWithTheTrials(t *testing.T) {
	for _, test := range []struct{ seed, trial, want int64 }{{5, 0, 5}, {5, 2, 7}} {
		tr := Trial{Job: job.Job{Config: configuration(t), Seed: test.seed, Trial: int(test.trial)}, Logger: zap.NewNop()}
		if err := tr.Prepare(); err != nil || tr.Job.Seed != test.want {
			t.Errorf("seed %d of trial %d: %d, %v", test.seed, test.trial, tr.Job.Seed, err)
		}
	}
	drawn := Trial{Job: job.Job{Config: configuration(t)}, Logger: zap.NewNop()}
	if err := drawn.Prepare(); err != nil || drawn.Job.Seed == 0 {
		t.Errorf("seed %d, %v", drawn.Job.Seed, err)
	}
}

func TestResumableSaysWhatIsLeft(t *testing.T) {
	c := configuration(t, "run.epochs=2")
	if _, _, err := Resumable(c); err == nil || exit.CodeOf(err) != exit.Failed || !strings.Contains(err.Error(), "no usable checkpoint") {
		t.Errorf("without a checkpoint: %v", err)
	}
	dir := filepath.Join(c.Run.LogDir, "checkpoints")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, epoch := range map[string]string{"step_1": "2", "step_2": "3"} {
		const nothing = "14695981039346656037" // the checksum
		metadata := map[string]string{"epoch": epoch, "iteration": "1", "step": "5", "checksum": nothing}
		if err := tensorfile.Write(filepath.Join(dir, name+".safetensors"), nil, metadata); err != nil {
			t.Fatal(err)
		}
	}
	want := "--set: run.epochs is 2, but " + dir + "/step_2.safetensors is of epoch 3: nothing is left to train"
	if _, _, err := Resumable(c); exit.CodeOf(err) != exit.WrongUse || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	if err := os.WriteFile(dir+"/step_2.safetensors", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	start, damaged, err := Resumable(c)
	if err != nil || start.Epoch != 2 || start.Step != 5 || len(damaged) != 1 {
		t.Errorf("%+v past %v, %v", start, damaged, err)
	}
}

// Each part of a run that was interrupted twice stays.
func TestInterruptedLogsStay(t *testing.T) {
	log := filepath.Join(t.TempDir(), "result_0.txt")
	for _, text := range []string{"first", "second", "third"} {
		if err := os.WriteFile(log, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := putAside(log); err != nil {
			t.Fatal(err)
		}
	}
	if err := putAside(log); err != nil {
		t.Errorf("without a log: %v", err)
	}
	for name, want := range map[string]string{".interrupted": "first", ".interrupted_2": "second", ".interrupted_3": "third"} {
		if text, err := os.ReadFile(log + name); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}

func TestARestartSetsTheLogAside(t *testing.T) {
	for _, timed := range []string{"true", "false"} {
		c := configuration(t, "run.timed="+timed)
		tr := Trial{Job: job.Job{Config: c, Seed: 5, Caches: job.CachesCleared}, Logger: zap.NewNop()}
		if err := os.WriteFile(tr.Job.LogFile(), []byte("a log\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		reached, err := tr.prepareRestart(context.Background(), 0, ending{step: 12})
		if err != nil || tr.Job.Caches != job.CachesDrop {
			t.Errorf("timed %s: caches %q, %v", timed, tr.Job.Caches, err)
		}
		if text, err := os.ReadFile(tr.Job.LogFile() + ".aborted_1"); err != nil || string(text) != "a log\n" {
			t.Errorf("timed %s: the log: %q, %v", timed, text, err)
		}
		// A timed trial begins anew and with another seed; another has no checkpoint yet.
		if timed == "true" && (reached != 12 || tr.Job.Seed == 5) || timed == "false" && (reached != 0 || tr.Job.Seed != 5) {
			t.Errorf("timed %s: progress to %d, seed %d", timed, reached, tr.Job.Seed)
		}
	}
}

func TestARestartClearsTheCachesAsTheStartDid(t *testing.T) {
	refused := errors.New("refused")
	for _, test := range []struct {
		before, after job.Caches
		clear         error
	}{
		{job.CachesCleared, job.CachesKept, nil},
		{job.CachesCleared, "", refused},
		{job.CachesKept, job.CachesKept, refused}, // off, or not possible: not tried again
	} {
		tr := Trial{Job: job.Job{Config: configuration(t), Seed: 5, Caches: test.before}, Logger: zap.NewNop()}
		tr.Clear = func(context.Context) (job.Caches, error) { return test.after, test.clear }
		_, err := tr.prepareRestart(context.Background(), 0, ending{})
		if wantErr := test.clear != nil && test.before == job.CachesCleared; (err != nil) != wantErr || tr.Job.Caches != test.after {
			t.Errorf("%q: %q, %v, want %q", test.before, tr.Job.Caches, err, test.after)
		}
	}
}

func TestRecordKeepsTheFirstFailure(t *testing.T) {
	c := configuration(t)
	failed := func(trial int, err error) Record {
		r := Record{Trial: trial}
		r.fail(err)
		return r
	}
	for _, r := range []Record{
		{Trial: 0}, failed(1, exit.With(exit.Stuck, errors.New("stuck"))), failed(2, errors.New("late")), {Trial: 3},
		{Trial: 2}, // again: replaces it and what came after
	} {
		if err := save(c, "v1", r); err != nil {
			t.Fatal(err)
		}
	}
	run, err := Read(c)
	if err != nil || len(run.Trials) != 3 || run.Trial != 2 || run.Version != "v1" || run.ExitCode != exit.Stuck || run.Error != "stuck" {
		t.Errorf("got %+v, %v", run, err)
	}
	if err := os.WriteFile(File(c), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(c); err == nil || !strings.Contains(err.Error(), File(c)) {
		t.Errorf("half a file: %v", err)
	}
}
