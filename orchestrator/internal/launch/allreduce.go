// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"mlperf-ssd/orchestrator/internal/crew"
	"mlperf-ssd/orchestrator/internal/exit"
	"mlperf-ssd/orchestrator/internal/health"
	"mlperf-ssd/orchestrator/internal/job"
	"mlperf-ssd/orchestrator/internal/slurm"
)

// Allreduce runs a test of sums instead of trials, on the ranks that Run would start: on all nodes of
// the Slurm job that it stands in unless o.Local, or here. It submits nothing.
func Allreduce(ctx context.Context, o Options, test job.Allreduce, factor float64) (health.Report, error) {
	c := o.Config
	allocation, task, err := slurm.Discover(os.LookupEnv)
	switch {
	case err != nil:
		return health.Report{}, err
	case allocation != nil && task == nil && !o.Local:
		return o.allreduceInAllocation(ctx, allocation, test, factor)
	case c.Cluster.Nodes > 1:
		return health.Report{}, exit.Usage(fmt.Errorf("%s: cluster.nodes is %d, but here is one: call it inside a Slurm job, or with --nproc N",
			c.Origin("cluster.nodes"), c.Cluster.Nodes))
	case c.Ranks() < 2:
		return health.Report{}, exit.Usage(errors.New("one rank has nobody to sum with: --nproc N"))
	}
	engine, err := o.findEngine()
	if err != nil {
		return health.Report{}, err
	}
	local, err := crew.NewLocal(ctx, c, o.Logger)
	if err != nil {
		return health.Report{}, exit.Usage(err)
	}
	return o.crew(engine, local).Allreduce(ctx, test, factor)
}

// allreduceInAllocation runs the test on all nodes of a job. Where the configuration leaves them open,
// the ranks of a node are the job's tasks there, or its GPUs.
func (o Options) allreduceInAllocation(ctx context.Context, allocated *slurm.Job, test job.Allreduce, factor float64) (report health.Report, err error) {
	c := o.Config
	if c.Origin("cluster.nodes") == "default" {
		c.Cluster.Nodes = int64(len(allocated.Nodes))
	}
	if c.Origin("cluster.gpus_per_node") == "default" {
		c.Cluster.GPUsPerNode = int64(cmp.Or(allocated.TasksPerNode, allocated.GPUs, 1))
	}
	s, err := o.slurmJob(allocated)
	if err != nil {
		return report, err
	}
	a := s.allocation
	if err := a.Check(int(c.Cluster.Nodes)); err != nil {
		return report, exit.Usage(err)
	}
	if c.Ranks() < 2 {
		return report, exit.Usage(errors.New("one rank has nobody to sum with: --set cluster.gpus_per_node=N"))
	}
	if a.Container != nil {
		defer func() { err = errors.Join(err, a.RemoveContainer(context.WithoutCancel(ctx))) }()
		if err := errors.Join(a.MakeFolder(ctx, c.Run.LogDir), a.SetUpContainer(ctx)); err != nil {
			return report, err
		}
	}
	return o.crew(s.engine, s.srun()).Allreduce(ctx, test, factor)
}
