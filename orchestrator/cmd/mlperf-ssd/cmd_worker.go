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
	"path/filepath"

	"github.com/urfave/cli/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sys/unix"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/engine"
	"mlperf-ssd/orchestrator/internal/health"
	"mlperf-ssd/orchestrator/internal/rendezvous"
	"mlperf-ssd/orchestrator/internal/supervise"
	"mlperf-ssd/orchestrator/internal/weights"
	"mlperf-ssd/orchestrator/internal/worker"
	"mlperf-ssd/proto/ssdpb"
)

// job is what launch tells a worker.
type job struct {
	Config *config.Config
	Engine string
	Trial  int
	Seed   int64
	Start  worker.Position
	Caches caches // of the system

	Allreduce *allreduceTest `json:",omitempty"` // instead of a trial
}

// caches says what a worker does about the system's caches before it logs that they are empty.
type caches string

const (
	cachesDrop    caches = ""        // the first rank of each node drops them
	cachesCleared caches = "cleared" // launch has
	cachesKept    caches = "kept"    // launch could or should not
)

// clear is for the rank of a place.
func (s caches) clear(p place) error {
	switch {
	case s == cachesKept:
		return errors.New("launch did not clear them")
	case s == cachesDrop && p.LocalRank == 0:
		return dropCaches()
	}
	return nil
}

// logFile is the MLPerf log of a trial, named as a submission wants it (spec section 17).
func (j job) logFile() string {
	return filepath.Join(j.Config.Run.LogDir, fmt.Sprintf("result_%d.txt", j.Trial))
}

// workerCommand is what launch starts, once a rank.
func workerCommand() *cli.Command {
	return &cli.Command{
		Name:  "worker",
		Usage: "one rank of a run, started by `launch`",
		Description: "Without --join or --credentials it is the only rank and reads its job on standard input.\n" +
			"With them it asks the launcher for it. Its place is that of the Slurm task, if it is one.\n" +
			"Example: srun --mpi=none mlperf-ssd worker --join node1:34567 --credentials run/credentials.json",
		Hidden: true,
		Flags:  joinFlags(),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			place, member, err := meet(c)
			if err != nil {
				return err
			}
			tell := tellLauncher(place, member)
			return leave(c.Context, member, tell, work(c, place, member, tell))
		},
	}
}

// message is what a worker tells launch.
type message struct {
	Progress *worker.Progress `json:"progress,omitempty"`
	Outcome  *worker.Outcome  `json:"outcome,omitempty"`
	Times    []health.Times   `json:"times,omitempty"` // of an all-reduce test: by size
	Error    string           `json:"error,omitempty"` // of an only rank; several tell the room
}

// tellLauncher gives the way of messages: a pipe for an only rank, the control plane for several.
func tellLauncher(p place, member rendezvous.Member) func(message) bool {
	if p.alone {
		progress := json.NewEncoder(os.NewFile(supervise.ProgressFD, "progress"))
		return func(m message) bool { return progress.Encode(m) == nil } // launch may be gone
	}
	return func(m message) bool {
		text, err := json.Marshal(m)
		if err == nil {
			member.Note(text)
		}
		return err == nil
	}
}

// leave ends the rank's part. launch prints a failure; only the exit code stays, unless it can be told
// nothing.
func leave(ctx context.Context, member rendezvous.Member, tell func(message) bool, err error) error {
	if err == nil {
		return member.Leave(ctx)
	}
	if !tell(message{Error: err.Error()}) {
		return err
	}
	// A signal from elsewhere is a cause of its own; from the launcher it comes after the order to stop.
	interrupted := ctx.Err() != nil
	status := engine.StatusOf(err)
	member.Fail(err.Error(), member.Reason() != nil || status == engine.Comm || status == engine.Aborted)
	var lost *rendezvous.LostError
	if errors.As(err, &lost) {
		return err
	}
	code := exitFailed
	if interrupted {
		code = exitInterrupted
	}
	return &exitError{code, errors.New("")}
}

func work(c *cli.Context, p place, member rendezvous.Member, tell func(message) bool) error {
	var j job
	if err := json.Unmarshal(member.Job(), &j); err != nil {
		return usageError(fmt.Errorf("worker: started by `mlperf-ssd launch`, not by hand: %w", err))
	}
	p.shareThreads(j.Config)
	path, err := engine.Find(j.Engine, j.Config.Device.Kind) // an image has its own
	if err != nil {
		return err
	}
	library, err := engine.Open(path)
	if err != nil {
		return err
	}
	if err := sameEngine(c.Context, member, library.BuildInfo()); err != nil {
		return err
	}
	if j.Allreduce != nil {
		times, err := j.Allreduce.run(c.Context, j, p, member, library)
		if err == nil {
			tell(message{Times: times})
		}
		return err
	}
	backbone, done, err := weights.Temporary(j.Config.Backbone.Weights)
	if err != nil {
		return err
	}
	defer done()
	log, closeLog, err := openLog(p, j)
	if err != nil {
		return err
	}
	options := worker.Options{
		Config:   j.Config,
		Seed:     j.Seed,
		Rank:     p.Rank,
		Member:   member,
		Open:     func(ec *ssdpb.EngineConfig) (engine.Engine, error) { return library.Create(ec) },
		Backbone: backbone,
		Start:    j.Start,
		LogDir:   j.Config.Run.LogDir,
		MLLog:    log,
		Progress: func(worker.Progress) {},
		Logger:   newLogger(),
		Clear:    func() error { return j.Caches.clear(p) },
	}
	if p.Rank == 0 {
		options.Progress = func(p worker.Progress) { tell(message{Progress: &p}) }
	}
	outcome, err := worker.Run(c.Context, options)
	err = errors.Join(err, closeLog())
	if p.Rank == 0 {
		tell(message{Outcome: &outcome})
	}
	return err
}

// openLog gives rank 0 the trial's log, and the others nothing to write.
func openLog(p place, j job) (io.Writer, func() error, error) {
	if p.Rank != 0 {
		return io.Discard, func() error { return nil }, nil
	}
	file, err := os.Create(j.logFile())
	if err != nil {
		return nil, nil, fmt.Errorf("log: %w", err)
	}
	return io.MultiWriter(file, os.Stdout), func() error { return errors.Join(file.Sync(), file.Close()) }, nil
}

// sameEngine refuses to go on with engines of several builds.
func sameEngine(ctx context.Context, member rendezvous.Member, build string) error {
	builds, err := member.Gather(ctx, "engine", []byte(build))
	if err != nil {
		return err
	}
	for rank, other := range builds {
		if string(other) != string(builds[0]) {
			return fmt.Errorf("engine: rank %d has %s, rank 0 has %s: install the same on all nodes", rank, other, builds[0])
		}
	}
	return nil
}

// dropCaches empties the page cache, so that the data set comes from storage.
func dropCaches() error {
	unix.Sync()
	return os.WriteFile("/proc/sys/vm/drop_caches", []byte("3\n"), 0)
}

// newLogger is the log for people, on standard error.
func newLogger() *zap.Logger {
	encoding := zap.NewProductionEncoderConfig()
	encoding.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
	encoding.EncodeLevel = zapcore.LowercaseLevelEncoder
	encoding.ConsoleSeparator = " "
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(encoding), zapcore.Lock(os.Stderr), zap.InfoLevel))
}
