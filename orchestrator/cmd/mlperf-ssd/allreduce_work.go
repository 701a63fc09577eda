// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"mlperf-ssd/orchestrator/internal/engine"
	"mlperf-ssd/orchestrator/internal/health"
	"mlperf-ssd/orchestrator/internal/rendezvous"
	"mlperf-ssd/proto/ssdpb"
)

// allreduceTest is what a worker is to do instead of training.
type allreduceTest struct {
	Bytes              []int64
	Iterations, Warmup int64
}

// newAllreduceTest has the two sizes of the submission (spec section 16, point 4). Its iterations, 10000
// after 1000, were for GPUs.
func newAllreduceTest() allreduceTest {
	return allreduceTest{Bytes: []int64{40033040, 39424}, Iterations: 20, Warmup: 5}
}

// run is a rank's part; the times of each size go to the launcher. No weights and no data are read.
func (a allreduceTest) run(ctx context.Context, j job, p place, member rendezvous.Member, library *engine.Library) ([]health.Times, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() {
		select {
		case <-member.Stopped():
			stop(member.Reason())
		case <-ctx.Done():
		}
	}()
	ec := j.Config.Engine(1)
	ec.Model.Backbone = j.Config.Backbone.Weights
	e, err := library.Create(ec)
	if err != nil {
		return nil, err
	}
	defer e.Destroy()
	defer context.AfterFunc(ctx, e.Abort)()
	times, err := a.measure(ctx, e, p.Rank, member)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return times, err
}

func (a allreduceTest) measure(ctx context.Context, e engine.Engine, rank int, member rendezvous.Member) ([]health.Times, error) {
	address, err := e.Address(rank, member.World())
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	member.Report(rendezvous.State{Phase: rendezvous.PhaseWait})
	addresses, err := member.Gather(ctx, "addresses", address)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	member.Report(rendezvous.State{Phase: rendezvous.PhaseTest})
	if err := e.Connect(addresses); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	var times []health.Times
	for _, bytes := range a.Bytes {
		report, err := e.Bench(&ssdpb.BenchRequest{
			What:      ssdpb.BenchRequest_ALLREDUCE,
			Allreduce: &ssdpb.Allreduce{Bytes: bytes, Iterations: a.Iterations, Warmup: a.Warmup},
		})
		if err != nil {
			return nil, fmt.Errorf("%d bytes: %w", bytes, err)
		}
		times = append(times, health.TimesOf(report.GetAllreduce()))
	}
	return times, nil
}
