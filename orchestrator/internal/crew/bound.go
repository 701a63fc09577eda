// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package crew

import (
	"context"
	"os"
	"strconv"

	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/binding"
	"mlperf-ssd/orchestrator/internal/discover"
	"mlperf-ssd/orchestrator/internal/slurm"
)

// Bound are the arguments and variables with which a worker runs on its part of the node. Where that
// cannot be planned the ranks divide the processors.
func Bound(ctx context.Context, self string, task *slurm.Task, gpus bool, worker []string, logger *zap.Logger) (args, env []string) {
	host := discover.Here(ctx, "")
	plan, err := binding.Plan(host, task.LocalWorld, binding.Options{GPUs: gpus && len(host.GPUs) > 0})
	if err != nil {
		if task.LocalRank == 0 {
			logger.Warn("ranks run unbound", zap.Error(err))
		}
		return append(worker, "--share="+strconv.Itoa(task.LocalWorld)), nil
	}
	if task.LocalRank == 0 {
		for _, warning := range plan.Warnings {
			logger.Warn(warning)
		}
	}
	rank := plan.Ranks[task.LocalRank]
	return rank.Args(self, worker...), rank.Environment(os.LookupEnv)
}
