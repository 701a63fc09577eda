// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/health"
	"mlperf-ssd/orchestrator/internal/rendezvous"
)

// launch runs the test on the ranks of a job and judges it.
func (a allreduceTest) launch(ctx context.Context, j job, s starter, factor float64) (health.Report, error) {
	j.Allreduce = &a
	times := make([][]health.Times, j.Config.Ranks())
	var broken error
	room, err := openRoom(s, j, func(rank int, note []byte) {
		var m message
		if err := json.Unmarshal(note, &m); err != nil {
			broken = fmt.Errorf("all-reduce test: rank %d: %w", rank, err)
		} else if m.Times != nil {
			times[rank] = m.Times
		}
	})
	if err != nil {
		return health.Report{}, err
	}
	if err := errors.Join(runRoom(ctx, s, room, io.Discard, os.Stderr), broken); err != nil {
		return health.Report{}, fmt.Errorf("all-reduce test: %w", err)
	}
	return a.judge(room.Table(), times, factor)
}

// judge sets what each rank has measured beside the others.
func (a allreduceTest) judge(table []rendezvous.Info, times [][]health.Times, factor float64) (health.Report, error) {
	report := health.Report{Ranks: len(table), Factor: factor}
	nodes := map[int]bool{}
	for i, bytes := range a.Bytes {
		ranks := make([]health.Rank, len(table))
		for rank, info := range table {
			if len(times[rank]) != len(a.Bytes) {
				return report, fmt.Errorf("all-reduce test: rank %d has ended without a word of its times", rank)
			}
			ranks[rank] = health.Rank{Rank: rank, Node: info.Node, Host: info.Host, Times: times[rank][i]}
			nodes[info.Node] = true
		}
		report.Sizes = append(report.Sizes, health.Judge(bytes, a.Iterations, ranks, factor))
	}
	report.Nodes = len(nodes)
	return report, nil
}

// verdictOnAllreduce is an error for wrong values, and for what is slow if the configuration says so;
// otherwise that is warned of.
func verdictOnAllreduce(c *config.Config, report health.Report, logger *zap.Logger) error {
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

// testAllreduce is the test before the first trial, if the configuration wants it. One rank has nobody
// to sum with.
func testAllreduce(ctx context.Context, j job, s starter, logger *zap.Logger) error {
	if !j.Config.Cluster.AllreduceTest {
		return nil
	}
	if j.Config.Ranks() == 1 {
		logger.Info("no all-reduce test: one rank")
		return nil
	}
	report, err := newAllreduceTest().launch(ctx, j, s, health.DefaultFactor)
	if err != nil {
		return err
	}
	return errors.Join(report.Write(os.Stderr), verdictOnAllreduce(j.Config, report, logger))
}
