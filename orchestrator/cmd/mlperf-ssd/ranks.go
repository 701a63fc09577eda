// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/urfave/cli/v2"
	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/progress"
	"mlperf-ssd/orchestrator/internal/rendezvous"
	"mlperf-ssd/orchestrator/internal/supervise"
)

// localJoin is how long the ranks of this host may take to join; nothing slow comes before.
const localJoin = 30 * time.Second

// After a failure the other workers end by themselves within selfStop, or get SIGTERM, and SIGKILL after
// lastGrace: all are gone in two seconds.
const (
	selfStop  = 1300 * time.Millisecond
	lastGrace = 500 * time.Millisecond
)

// runRanks runs a trial whose workers a starter starts; cleared says that the caches are. What the
// ranks print goes to output as well.
func runRanks(c *cli.Context, j job, s starter, cleared bool, output io.Writer) error {
	if err := prepareJob(c, &j); err != nil {
		return err
	}
	if j.Caches = cachesKept; cleared {
		j.Caches = cachesCleared
	}
	t := &trial{cli: c, job: j, starter: s, output: output}
	return t.run()
}

// several runs the trial's ranks, and gives the cause of their end.
func (t *trial) several(e *ending, view *progress.View) error {
	room, err := openRoom(t.starter, t.job, func(rank int, note []byte) {
		if rank == 0 {
			e.take(note, view)
		}
	})
	if err != nil {
		return err
	}
	err = runRoom(t.cli.Context, t.starter, room, t.stdout(), t.stderr(view))
	e.step = max(e.step, room.Farthest())
	return err
}

// listenAddress is where the launcher listens for the starter's workers; empty is all addresses.
func listenAddress(s starter) string {
	if ip := net.ParseIP(s.Host()); ip != nil && ip.IsLoopback() {
		return s.Host()
	}
	return ""
}

// runRoom serves the control plane while the ranks of a room run, and gives the cause of their end.
func runRoom(command context.Context, s starter, room *rendezvous.Room, stdout, stderr io.Writer) error {
	server, err := rendezvous.Serve(room, listenAddress(s), s.Host())
	if err != nil {
		return err
	}
	access, err := json.Marshal(server.Access())
	if err != nil {
		return fmt.Errorf("launch: %w", err)
	}
	ctx, kill := context.WithCancel(context.WithoutCancel(command))
	interrupted := context.AfterFunc(command, func() {
		if room.Cause() == nil { // Slurm ends the job of a lost node after its rank was named
			room.Fail(-1, rendezvous.Own, "interrupted")
		}
	})
	began, logger := time.Now(), newLogger()
	var watchers sync.WaitGroup
	watchers.Go(func() {
		select {
		case <-room.Full():
			logger.Info("ranks met", zap.Int("ranks", room.World), zap.Duration("after", time.Since(began)))
		case <-ctx.Done():
		}
	})
	watchers.Go(func() {
		room.Watch(ctx)
		if cause := room.Cause(); cause != nil && cause.Rank >= 0 {
			logger.Warn("stopping the ranks", zap.Error(cause))
		}
		endAll(ctx, command)
		kill()
	})
	err = s.Run(ctx, workers{
		Args:   []string{"worker", "--credentials", "-"},
		Input:  access,
		Stdout: stdout,
		Stderr: stderr,
		Grace:  lastGrace,
		Ended: func(rank int, err error) {
			var exit *supervise.ExitError
			if !errors.As(err, &exit) {
				room.Exit(rank, true, err.Error())
			} else if !exit.Late {
				room.Exit(rank, exit.Signal != 0, exit.How())
			}
		},
	})
	interrupted()
	kill()
	watchers.Wait()
	server.Close() // after it no worker is heard
	if cause := room.Cause(); cause != nil {
		return cause
	}
	return err
}

// endAll gives the workers of a run that is over the time to end by themselves.
func endAll(ctx, command context.Context) {
	patience := selfStop
	if command.Err() != nil {
		patience = grace
	}
	select {
	case <-ctx.Done():
		return
	case <-time.After(patience):
	}
}

// openRoom is the meeting place of the ranks of a job.
func openRoom(s starter, j job, note func(rank int, note []byte)) (*rendezvous.Room, error) {
	text, err := json.Marshal(j)
	if err != nil {
		return nil, fmt.Errorf("launch: job: %w", err)
	}
	build, err := buildID()
	if err != nil {
		return nil, err
	}
	configuration, err := json.Marshal(j.Config)
	if err != nil {
		return nil, fmt.Errorf("launch: configuration: %w", err)
	}
	limits := limitsOf(j.Config)
	if listenAddress(s) != "" {
		limits.Join = localJoin
	}
	sum := sha256.Sum256(configuration)
	return rendezvous.NewRoom(rendezvous.Options{
		World:         int(j.Config.Ranks()),
		Build:         build,
		Configuration: hex.EncodeToString(sum[:8]),
		Job:           text,
		Limits:        limits,
		Note:          note,
	}), nil
}

func limitsOf(c *config.Config) rendezvous.Limits {
	limits := rendezvous.DefaultLimits()
	seconds := func(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
	limits.Hang = seconds(c.Cluster.HangSeconds)
	limits.Prepare = seconds(c.Cluster.PrepareSeconds)
	limits.Evaluate = seconds(c.Cluster.EvaluateSeconds)
	return limits
}
