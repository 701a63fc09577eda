// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package rank is the process of one rank: it meets the others, gets its job from launch, loads the
// engine, does its part of a trial or of an all-reduce test, and says how it ended.
package rank

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/engine"
	"mlperf-ssd/orchestrator/internal/exit"
	"mlperf-ssd/orchestrator/internal/job"
	"mlperf-ssd/orchestrator/internal/rendezvous"
	"mlperf-ssd/orchestrator/internal/supervise"
	"mlperf-ssd/orchestrator/internal/weights"
	"mlperf-ssd/orchestrator/internal/worker"
	"mlperf-ssd/proto/ssdpb"
)

// Options say how a worker finds its run.
type Options struct {
	Alone       bool   // the only rank: its job comes on standard input
	Join        string // addresses of the launcher, with commas; empty = those of the credentials
	Credentials string // file that launch wrote, or "-" for standard input; empty = CredentialsVariable
	Rank        *int   // nil = the Slurm task's, as with the next two
	LocalRank   *int
	Node        *int
	Share       int // ranks among which the processors seen are divided

	Version string // of this program
	Stdin   io.Reader
	Stdout  io.Writer // gets the MLPerf log of rank 0, beside its file
	Logger  *zap.Logger
}

// Run does the rank's part from joining to leaving. launch prints a failure: the error is silent, unless
// launch could not be told.
func Run(ctx context.Context, o Options) error {
	p, member, err := meet(ctx, o)
	if err != nil {
		return err
	}
	w := process{Options: o, place: p, member: member, tell: tellLauncher(p, member)}
	return w.leave(ctx, w.work(ctx))
}

// process is a worker that has joined its run.
type process struct {
	Options
	place  place
	member rendezvous.Member
	tell   func(job.Message) bool
}

// tellLauncher gives the way of messages: a pipe for an only rank, the control plane for several.
func tellLauncher(p place, member rendezvous.Member) func(job.Message) bool {
	if p.alone {
		progress := json.NewEncoder(os.NewFile(supervise.ProgressFD, "progress"))
		return func(m job.Message) bool { return progress.Encode(m) == nil } // launch may be gone
	}
	return func(m job.Message) bool {
		text, err := json.Marshal(m)
		if err == nil {
			member.Note(text)
		}
		return err == nil
	}
}

// leave ends the rank's part.
func (w process) leave(ctx context.Context, err error) error {
	if err == nil {
		return w.member.Leave(ctx)
	}
	if !w.tell(job.Message{Error: err.Error()}) {
		return err
	}
	// A signal from elsewhere is a cause of its own; from the launcher it comes after the order to stop, of
	// which a call may hear before.
	interrupted := ctx.Err() != nil
	status := engine.StatusOf(err)
	var stopped *rendezvous.StoppedError
	w.member.Fail(err.Error(), w.member.Reason() != nil || errors.As(err, &stopped) || status == engine.Comm || status == engine.Aborted)
	var lost *rendezvous.LostError
	if errors.As(err, &lost) {
		return err
	}
	code := exit.Failed
	if interrupted {
		code = exit.Interrupted
	}
	return exit.With(code, errors.New(""))
}

func (w process) work(ctx context.Context) error {
	var j job.Job
	if err := json.Unmarshal(w.member.Job(), &j); err != nil {
		return exit.Usage(fmt.Errorf("worker: started by `mlperf-ssd launch`, not by hand: %w", err))
	}
	w.place.shareThreads(j.Config)
	path, err := engine.Find(j.Engine, j.Config.Device.Kind) // an image has its own
	if err != nil {
		return err
	}
	library, err := engine.Open(path)
	if err != nil {
		return err
	}
	if err := sameEngine(ctx, w.member, library.BuildInfo()); err != nil {
		return err
	}
	if j.Allreduce != nil {
		times, err := w.allreduce(ctx, j, library)
		if err == nil {
			w.tell(job.Message{Times: times})
		}
		return err
	}
	return w.train(ctx, j, library)
}

func (w process) train(ctx context.Context, j job.Job, library *engine.Library) error {
	backbone, done, err := weights.Temporary(j.Config.Backbone.Weights)
	if err != nil {
		return err
	}
	defer done()
	log, closeLog, err := w.openLog(j.LogFile())
	if err != nil {
		return err
	}
	options := worker.Options{
		Config:   j.Config,
		Seed:     j.Seed,
		Rank:     w.place.Rank,
		Member:   w.member,
		Open:     func(ec *ssdpb.EngineConfig) (engine.Engine, error) { return library.Create(ec) },
		Backbone: backbone,
		Start:    j.Start,
		LogDir:   j.Config.Run.LogDir,
		MLLog:    log,
		Progress: func(worker.Progress) {},
		Logger:   w.Logger,
		Clear:    func() error { return j.Caches.Clear(w.place.LocalRank) },
	}
	if w.place.Rank == 0 {
		options.Progress = func(p worker.Progress) { w.tell(job.Message{Progress: &p}) }
	}
	outcome, err := worker.Run(ctx, options)
	err = errors.Join(err, closeLog())
	if w.place.Rank == 0 {
		w.tell(job.Message{Outcome: &outcome})
	}
	return err
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
