// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"mlperf-ssd/orchestrator/internal/exit"
	"mlperf-ssd/orchestrator/internal/mllog"
	"mlperf-ssd/orchestrator/internal/slurm"
	"mlperf-ssd/orchestrator/internal/trial"
)

// closeLost closes the trial that a job has left open, as its launcher was killed or its node lost power.
// end is how the job ended.
func (o Options) closeLost(id string, end error) error {
	ledger, err := slurm.OpenLedger(ledgerFile(o.Config.Run.LogDir, id), id)
	if err != nil {
		return err
	}
	open := ledger.Open()
	if open == nil {
		return nil
	}
	closed, err := mllog.CloseAborted(open.MLLog, time.Now())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	o.Logger.Warn(fmt.Sprintf("trial %d was cut off with its launcher: its log is %s (closed as aborted: %v)", open.Trial, open.MLLog, closed))
	lost := fmt.Errorf("trial %d: the launcher is lost: %w", open.Trial, end)
	return errors.Join(ledger.End(time.Now(), slurm.TrialAborted, exit.CodeOf(lost), lost), trial.SaveLost(o.Config, o.Version, open.Trial, lost))
}

// ledgerFile is where a job keeps what became of its trials.
func ledgerFile(logDir, id string) string { return filepath.Join(logDir, "slurm-"+id+".json") }
