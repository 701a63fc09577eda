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
// cannot be planned the ranks divide the processors, unless a binding of their own is wanted.
func Bound(ctx context.Context, self string, task *slurm.Task, o binding.Options, worker []string, logger *zap.Logger) (args, env []string, err error) {
	host := discover.Here(ctx, "")
	wanted := o.CPU+o.Memory+o.Network != ""
	o.GPUs = o.GPUs && len(host.GPUs) > 0
	plan, err := binding.Plan(host, task.LocalWorld, o)
	if err != nil && wanted {
		return nil, nil, err
	}
	if err != nil {
		if task.LocalRank == 0 {
			logger.Warn("ranks run unbound", zap.Error(err))
		}
		return append(worker, "--share="+strconv.Itoa(task.LocalWorld)), nil, nil
	}
	if task.LocalRank == 0 {
		for _, warning := range plan.Warnings {
			logger.Warn(warning)
		}
	}
	rank := plan.Ranks[task.LocalRank]
	return rank.Args(self, worker...), rank.Environment(os.LookupEnv), nil
}
