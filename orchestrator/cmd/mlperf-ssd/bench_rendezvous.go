// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"mlperf-ssd/orchestrator/internal/rendezvous"
)

// rendezvousResult is the JSON of `bench rendezvous`.
type rendezvousResult struct {
	Ranks           int     `json:"ranks"`
	MeetSeconds     float64 `json:"meet_seconds"`      // from the first certificate to everybody's addresses with everybody
	MeetCPUSeconds  float64 `json:"meet_cpu_seconds"`  // of all processors together
	BarrierMs       float64 `json:"barrier_ms"`        // median of ten
	LeaveSeconds    float64 `json:"leave_seconds"`     // of all
	PeakMemoryBytes int64   `json:"peak_memory_bytes"` // of launcher and workers together
	BytesPerRank    int     `json:"address_bytes"`     // brought by each
}

func benchRendezvous() *cli.Command {
	return &cli.Command{
		Name:        "rendezvous",
		Usage:       "how fast ranks meet: launcher and workers in one process, each over its own connection",
		Description: "Example: mlperf-ssd bench rendezvous --ranks 1024",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "ranks", Value: 8},
			&cli.IntFlag{Name: "bytes", Value: 64, Usage: "address of a rank"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if n := c.Int("ranks"); n < 1 || n > 1<<16 {
				return usageError(fmt.Errorf("--ranks is %d, must be 1 to %d", n, 1<<16))
			}
			if n := c.Int("bytes"); n < 0 || n > 1<<20 {
				return usageError(fmt.Errorf("--bytes is %d, must be 0 to %d", n, 1<<20))
			}
			r, err := meetAll(c.Context, c.Int("ranks"), c.Int("bytes"))
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return writeJSON(c.App.Writer, r)
			}
			_, err = fmt.Fprintf(c.App.Writer, "%d ranks met in %.3f s (%.3f s of processors) and left in %.3f s; a barrier takes %.2f ms; peak memory %.0f MB\n",
				r.Ranks, r.MeetSeconds, r.MeetCPUSeconds, r.LeaveSeconds, r.BarrierMs, float64(r.PeakMemoryBytes)/1e6)
			return err
		},
	}
}

// meetAll lets ranks join, exchange addresses, wait for each other ten times, and leave.
func meetAll(ctx context.Context, ranks, size int) (rendezvousResult, error) {
	r := rendezvousResult{Ranks: ranks, BytesPerRank: size}
	start := time.Now()
	room := rendezvous.NewRoom(rendezvous.Options{World: ranks})
	server, err := rendezvous.Serve(room, "127.0.0.1", "127.0.0.1")
	if err != nil {
		return r, err
	}
	defer server.Close()
	members := make([]rendezvous.Member, ranks)
	if err := each(ranks, func(rank int) error {
		var err error
		if members[rank], err = rendezvous.Dial(ctx, server.Access(), rendezvous.Request{Info: rendezvous.Info{Rank: rank}}); err != nil {
			return err
		}
		_, err = members[rank].Gather(ctx, "addresses", make([]byte, size))
		return err
	}); err != nil {
		return r, err
	}
	r.MeetSeconds = time.Since(start).Seconds()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return r, err
	}
	r.MeetCPUSeconds = time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()

	var barriers []float64
	for i := range 10 {
		begin := time.Now()
		if err := each(ranks, func(rank int) error { return members[rank].Barrier(ctx, fmt.Sprint("barrier ", i)) }); err != nil {
			return r, err
		}
		barriers = append(barriers, time.Since(begin).Seconds()*1e3)
	}
	slices.Sort(barriers)
	r.BarrierMs = barriers[len(barriers)/2]

	begin := time.Now()
	if err := each(ranks, func(rank int) error { return members[rank].Leave(ctx) }); err != nil {
		return r, err
	}
	r.LeaveSeconds = time.Since(begin).Seconds()
	if cause := room.Cause(); cause != nil {
		return r, cause
	}
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return r, err
	}
	r.PeakMemoryBytes = usage.Maxrss * 1024
	return r, nil
}

// each calls f for all ranks at once and gives the first of their errors.
func each(ranks int, f func(rank int) error) error {
	errs := make([]error, ranks)
	var all sync.WaitGroup
	for rank := range ranks {
		all.Go(func() { errs[rank] = f(rank) })
	}
	all.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return fmt.Errorf("rank %d: %w", i, errs[i])
	}
	return nil
}
