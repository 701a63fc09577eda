// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package crew runs all ranks of a job together: a Starter starts them, on this host or by srun, while
// the rendezvous is served; when one fails it is named and the others are stopped.
package crew

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/build"
	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/job"
	"mlperf-ssd/orchestrator/internal/rendezvous"
	"mlperf-ssd/orchestrator/internal/supervise"
)

// Grace is how long a worker may take to close its log after being asked to stop.
const Grace = 20 * time.Second

// localJoin is how long the ranks of this host may take to join; nothing slow comes before.
const localJoin = 30 * time.Second

// After a failure the other workers end by themselves within selfStop, or get SIGTERM, and SIGKILL after
// lastGrace: all are gone in two seconds.
const (
	selfStop  = 1300 * time.Millisecond
	lastGrace = 500 * time.Millisecond
)

// Crew is the ranks of a job.
type Crew struct {
	Starter Starter
	Job     job.Job
	Version string                      // of this program
	Stdout  io.Writer                   // of rank 0
	Stderr  io.Writer                   // of all, each line with its rank in front
	Note    func(rank int, note []byte) // gets the ranks' messages, one at a time; nil = nobody
	Logger  *zap.Logger
}

// Run runs the ranks to their end and gives its cause, with the room in which they met. The room is nil
// if none could be opened. When the context ends the ranks are asked to stop.
func (c Crew) Run(ctx context.Context) (*rendezvous.Room, error) {
	room, err := c.open()
	if err != nil {
		return nil, err
	}
	return room, c.serve(ctx, room)
}

// listenAddress is where the launcher listens for the starter's workers; empty is all addresses.
func listenAddress(s Starter) string {
	if ip := net.ParseIP(s.Host()); ip != nil && ip.IsLoopback() {
		return s.Host()
	}
	return ""
}

// serve is the control plane while the ranks of a room run. It gives the cause of their end.
func (c Crew) serve(command context.Context, room *rendezvous.Room) error {
	server, err := rendezvous.Serve(room, listenAddress(c.Starter), c.Starter.Host())
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
	began := time.Now()
	var watchers sync.WaitGroup
	watchers.Go(func() {
		select {
		case <-room.Full():
			c.Logger.Info("ranks met", zap.Int("ranks", room.World), zap.Duration("after", time.Since(began)))
		case <-ctx.Done():
		}
	})
	watchers.Go(func() {
		room.Watch(ctx)
		if cause := room.Cause(); cause != nil && cause.Rank >= 0 {
			c.Logger.Warn("stopping the ranks", zap.Error(cause))
		}
		endAll(ctx, command)
		kill()
	})
	err = c.Starter.Run(ctx, Workers{
		Args:   []string{"worker", "--credentials", "-"},
		Input:  access,
		Stdout: c.Stdout,
		Stderr: c.Stderr,
		Grace:  lastGrace,
		Ended: func(rank int, err error) {
			var exit *supervise.ExitError
			switch {
			case !errors.As(err, &exit):
				room.Exit(rank, true, err.Error())
			case exit.Others:
				room.Explain(rank, exit.How())
			case !exit.Late:
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
		patience = Grace
	}
	select {
	case <-ctx.Done():
		return
	case <-time.After(patience):
	}
}

// open makes the place where the ranks meet.
func (c Crew) open() (*rendezvous.Room, error) {
	text, err := json.Marshal(c.Job)
	if err != nil {
		return nil, fmt.Errorf("launch: job: %w", err)
	}
	id, err := build.ID(c.Version)
	if err != nil {
		return nil, err
	}
	configuration, err := json.Marshal(c.Job.Config)
	if err != nil {
		return nil, fmt.Errorf("launch: configuration: %w", err)
	}
	limits := limitsOf(c.Job.Config)
	if listenAddress(c.Starter) != "" {
		limits.Join = localJoin
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("launch: %w", err)
	}
	sum := sha256.Sum256(configuration)
	return rendezvous.NewRoom(rendezvous.Options{
		World:         int(c.Job.Config.Ranks()),
		Host:          host,
		Build:         id,
		Configuration: hex.EncodeToString(sum[:8]),
		Job:           text,
		Limits:        limits,
		Note:          c.Note,
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
