// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/slurm"
	"mlperf-ssd/orchestrator/internal/trial"
)

// A launcher that lost its power has left a trial open; what is closed already stays as it is.
func TestCloseLostClosesWhatTheLauncherLeft(t *testing.T) {
	dir := t.TempDir()
	c := config.Defaults()
	c.Run.LogDir = dir
	o := Options{Config: c, Version: "v1", Logger: zap.NewNop()}
	if err := o.closeLost("7", errors.New("job 7 ended")); err != nil {
		t.Fatalf("nothing was begun: %v", err)
	}
	if _, err := os.Stat(trial.File(c)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("run.json of nothing: %v", err)
	}

	log := filepath.Join(dir, "result_0.txt")
	const begun = `:::MLLOG {"namespace": "", "time_ms": 1, "event_type": "INTERVAL_START", "key": "run_start", "value": null, "metadata": {"file": "a", "lineno": 1}}` + "\n"
	if err := os.WriteFile(log, []byte(begun+":::MLL"), 0o600); err != nil {
		t.Fatal(err)
	}
	ledger, err := slurm.OpenLedger(ledgerFile(dir, "7"), "7")
	if err != nil {
		t.Fatal(err)
	}
	if err := ledger.Begin(slurm.Trial{MLLog: log, Began: time.Now()}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := o.closeLost("7", errors.New("job 7 ended: NODE_FAIL")); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(log)
		if err != nil || strings.Count(string(text), `"run_stop"`) != 1 || strings.Count(string(text), "\n") != 2 {
			t.Errorf("log %q (%v)", text, err)
		}
		run, err := trial.Read(c)
		if err != nil || run.Status != "aborted" || run.ExitCode != 1 || run.Error != "trial 0: the launcher is lost: job 7 ended: NODE_FAIL" {
			t.Errorf("run.json %+v (%v)", run, err)
		}
		ledger, err := slurm.OpenLedger(ledgerFile(dir, "7"), "7")
		if err != nil || ledger.Trials[0].Status != slurm.TrialAborted || ledger.Trials[0].Error != run.Error {
			t.Errorf("ledger %+v (%v)", ledger, err)
		}
	}
}
