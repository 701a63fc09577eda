// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package rank

import (
	"context"
	"fmt"
	"sync"
	"time"

	"mlperf-ssd/orchestrator/internal/engine"
	"mlperf-ssd/orchestrator/internal/health"
	"mlperf-ssd/orchestrator/internal/job"
	"mlperf-ssd/orchestrator/internal/rendezvous"
	"mlperf-ssd/proto/ssdpb"
)

// allreduce is a rank's part of the test, with the times of each size. No weights and no data are read.
func (w process) allreduce(ctx context.Context, j job.Job, library *engine.Library) ([]health.Times, error) {
	ctx, stop := rendezvous.While(ctx, w.member)
	defer stop()
	ec := j.Config.Engine(1)
	ec.Model.Backbone = j.Config.Backbone.Weights
	e, err := library.Create(ec)
	if err != nil {
		return nil, err
	}
	defer e.Destroy()
	defer context.AfterFunc(ctx, e.Abort)()
	times, err := w.measure(ctx, e, *j.Allreduce)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return times, err
}

// tellWhere lets the launcher know what the engine does, until done is called.
func (w process) tellWhere(e engine.Engine) (done func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var polling sync.WaitGroup
	polling.Go(func() {
		for ctx.Err() == nil {
			for _, event := range e.Poll(pollTime) {
				if event.Kind == engine.EventWhere {
					w.member.Report(rendezvous.State{Phase: rendezvous.PhaseTest, Doing: event.Text, Collectives: int64(event.Value), Waiting: event.Level > 0})
				}
			}
		}
	})
	return func() {
		cancel()
		polling.Wait()
	}
}

// pollTime bounds how long the end of a test waits.
const pollTime = 50 * time.Millisecond

func (w process) measure(ctx context.Context, e engine.Engine, test job.Allreduce) ([]health.Times, error) {
	address, err := e.Address(w.place.Rank, w.member.World())
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	w.member.Report(rendezvous.State{Phase: rendezvous.PhaseWait})
	addresses, err := w.member.Gather(ctx, "addresses", address)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	w.member.Report(rendezvous.State{Phase: rendezvous.PhaseTest})
	defer w.tellWhere(e)()
	if err := e.Connect(addresses); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	var times []health.Times
	for _, bytes := range test.Bytes {
		report, err := e.Bench(&ssdpb.BenchRequest{
			What:      ssdpb.BenchRequest_ALLREDUCE,
			Allreduce: &ssdpb.Allreduce{Bytes: bytes, Iterations: test.Iterations, Warmup: test.Warmup},
		})
		if err != nil {
			return nil, fmt.Errorf("%d bytes: %w", bytes, err)
		}
		times = append(times, health.TimesOf(report.GetAllreduce()))
	}
	return times, nil
}
