// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package crew

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/health"
	"mlperf-ssd/orchestrator/internal/job"
	"mlperf-ssd/orchestrator/internal/rendezvous"
)

// Allreduce runs a test on the ranks instead of their trial and judges it: factor medians are slow.
func (c Crew) Allreduce(ctx context.Context, test job.Allreduce, factor float64) (health.Report, error) {
	times := make([][]health.Times, c.Job.Config.Ranks())
	var broken error
	c.Job.Allreduce, c.Stdout = &test, io.Discard
	c.Note = func(rank int, note []byte) {
		var m job.Message
		if err := json.Unmarshal(note, &m); err != nil {
			broken = fmt.Errorf("all-reduce test: rank %d: %w", rank, err)
		} else if m.Times != nil {
			times[rank] = m.Times
		}
	}
	room, err := c.Run(ctx)
	if room == nil {
		return health.Report{}, err
	}
	if err := errors.Join(err, broken); err != nil {
		return health.Report{}, fmt.Errorf("all-reduce test: %w", err)
	}
	return judge(test, room.Table(), times, factor)
}

// judge sets what each rank has measured beside the others.
func judge(test job.Allreduce, table []rendezvous.Info, times [][]health.Times, factor float64) (health.Report, error) {
	report := health.Report{Ranks: len(table), Factor: factor}
	nodes := map[int]bool{}
	for i, bytes := range test.Bytes {
		ranks := make([]health.Rank, len(table))
		for rank, info := range table {
			if len(times[rank]) != len(test.Bytes) {
				return report, fmt.Errorf("all-reduce test: rank %d has ended without a word of its times", rank)
			}
			ranks[rank] = health.Rank{Rank: rank, Node: info.Node, Host: info.Host, Times: times[rank][i]}
			nodes[info.Node] = true
		}
		report.Sizes = append(report.Sizes, health.Judge(bytes, test.Iterations, ranks, factor))
	}
	report.Nodes = len(nodes)
	return report, nil
}

// Verdict is an error for wrong values, and for what is slow if the configuration says so; otherwise
// that is warned of.
func Verdict(c *config.Config, report health.Report, logger *zap.Logger) error {
	if err := report.Wrong(); err != nil {
		return err
	}
	slow := report.Slow()
	if len(slow) > 0 && c.Cluster.AllreduceSlow == "fail" {
		return fmt.Errorf("all-reduce test: %s (%s: cluster.allreduce_slow = \"warn\" goes on all the same)", strings.Join(slow, "; "),
			c.Origin("cluster.allreduce_slow"))
	}
	for _, text := range slow {
		logger.Warn("all-reduce test: " + text)
	}
	return nil
}

// Test is the all-reduce test before the first trial, if the configuration wants it. One rank has nobody
// to sum with.
func (c Crew) Test(ctx context.Context) error {
	if !c.Job.Config.Cluster.AllreduceTest {
		return nil
	}
	if c.Job.Config.Ranks() == 1 {
		c.Logger.Info("no all-reduce test: one rank")
		return nil
	}
	report, err := c.Allreduce(ctx, job.NewAllreduce(), health.DefaultFactor)
	if err != nil {
		return err
	}
	return errors.Join(report.Write(c.Stderr), Verdict(c.Job.Config, report, c.Logger))
}
