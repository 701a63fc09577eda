// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"context"
	"errors"
	"fmt"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/exit"
	"mlperf-ssd/orchestrator/internal/rendezvous"
	"mlperf-ssd/orchestrator/internal/supervise"
	"mlperf-ssd/orchestrator/internal/worker"
)

// verdict is what launch makes of a worker's end. A run that reached the target has succeeded, even if
// it was told to stop just then.
func verdict(ctx context.Context, c *config.Config, o worker.Outcome, runErr error) error {
	stopped := ctx.Err() != nil
	var died *supervise.ExitError
	killed := errors.As(runErr, &died) && died.Signal != 0
	var failed *rendezvous.Failure
	failedBefore := errors.As(runErr, &failed) && failed.Rank >= 0
	switch {
	case o.Status == "success" && (runErr == nil || stopped && !killed):
		return nil
	case failedBefore:
		return runErr
	case stopped && killed:
		return exit.With(exit.Interrupted, fmt.Errorf("interrupted: %w", runErr))
	case stopped:
		return exit.With(exit.Interrupted, errors.New("interrupted: the log is closed as aborted"))
	case runErr != nil:
		return runErr
	case o.Status != "success" && !c.Run.Smoke:
		return fmt.Errorf("the target %v was not reached in %d epochs: best AP %.4f", c.Eval.Target, o.Epochs, o.BestAP)
	default:
		return nil
	}
}
