// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A job is cut off in its third trial and started again.
func TestLedgerOverARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "slurm-12.json")
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	first, err := OpenLedger(path, "12")
	if err != nil || !slices.Equal(first.Left(4), []int{0, 1, 2, 3}) || first.CutOff() != nil {
		t.Fatalf("%+v, %v", first, err)
	}
	for _, err := range []error{
		first.Begin(Trial{Trial: 0, Began: at}), first.End(at, TrialSucceeded, 0, nil),
		first.Begin(Trial{Trial: 1, Began: at}), first.End(at, TrialFailed, 3, errors.New("boom")),
		first.Begin(Trial{Trial: 2, Began: at, MLLog: "result_2.txt"}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	second, err := OpenLedger(path, "12")
	if err != nil || !slices.Equal(second.Left(4), []int{2, 3}) {
		t.Fatalf("%+v, %v", second, err)
	}
	cut := second.CutOff()
	if len(cut) != 1 || cut[0].Trial != 2 || cut[0].MLLog != "result_2.txt" {
		t.Fatalf("%+v", cut)
	}
	cut[0].Status, cut[0].PutAside = TrialAborted, true
	if err := second.Save(); err != nil {
		t.Fatal(err)
	}
	third, err := OpenLedger(path, "12")
	if err != nil || third.CutOff() != nil || !slices.Equal(third.Left(4), []int{2, 3}) || third.Trials[1].Error != "boom" || third.Trials[1].ExitCode != 3 {
		t.Errorf("%+v, %v", third, err)
	}
}

func TestLedgerRefusesOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	for text, want := range map[string]string{`{"job": "13"}`: "is of job 13, not 12", `{"job": `: "move it away"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenLedger(path, "12"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestASecondLaunchBeginsAnew(t *testing.T) {
	l := &Ledger{Trials: []Trial{
		{Trial: 0, Start: 0, Status: TrialSucceeded},
		{Trial: 1, Start: 1, Status: TrialSucceeded}, {Trial: 2, Start: 1, Status: TrialFailed},
	}}
	if n := l.Anew(2); n != 0 || len(l.Left(4)) != 1 {
		t.Errorf("a job that was started again: %d forgotten, %v left", n, l.Left(4))
	}
	if n := l.Anew(1); n != 2 || !slices.Equal(l.Left(4), []int{1, 2, 3}) {
		t.Errorf("a second launch: %d forgotten, %v left", n, l.Left(4))
	}
}
