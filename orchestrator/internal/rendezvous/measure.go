// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package rendezvous

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Measured is what Measure finds.
type Measured struct {
	Ranks           int     `json:"ranks"`
	MeetSeconds     float64 `json:"meet_seconds"`      // from the first certificate to everybody's addresses with everybody
	MeetCPUSeconds  float64 `json:"meet_cpu_seconds"`  // of all processors together
	BarrierMs       float64 `json:"barrier_ms"`        // median of ten
	LeaveSeconds    float64 `json:"leave_seconds"`     // of all
	PeakMemoryBytes int64   `json:"peak_memory_bytes"` // of launcher and workers together
	BytesPerRank    int     `json:"address_bytes"`     // brought by each
}

// Measure lets ranks of this process, each over its own connection, join, exchange addresses, wait for each other ten times, and leave.
func Measure(ctx context.Context, ranks, size int) (Measured, error) {
	r := Measured{Ranks: ranks, BytesPerRank: size}
	start := time.Now()
	room := NewRoom(Options{World: ranks})
	server, err := Serve(room, "127.0.0.1", "127.0.0.1")
	if err != nil {
		return r, err
	}
	defer server.Close()
	members := make([]Member, ranks)
	if err := each(ranks, func(rank int) error {
		var err error
		if members[rank], err = Dial(ctx, server.Access(), Request{Info: Info{Rank: rank}}); err != nil {
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
