// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package launch runs all trials of a configuration where they belong: on this host, in a container, in
// a Slurm job that it submits, or on the nodes of the job that it runs in.
package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/exit"
	"mlperf-ssd/orchestrator/internal/job"
	"mlperf-ssd/orchestrator/internal/progress"
	"mlperf-ssd/orchestrator/internal/slurm"
	"mlperf-ssd/orchestrator/internal/trial"
)

// Options are the words of the command line.
type Options struct {
	Config    *config.Config
	File      string // of the configuration, as it was named; empty = none
	Engine    string // file of the library, as it was named; empty = the one beside the program
	Container string // image, instead of the configuration's; empty = the configuration's
	Local     bool   // on this host, even inside a Slurm job
	Slurm     bool   // submitted, even a single node
	Detach    bool   // submitted, and not waited for
	Resume    bool   // go on from the last checkpoint
	Restarts  int    // times to begin a trial again after a fault
	DryRun    bool   // print the plan and train nothing
	JSON      bool   // one document on Stdout

	// What only the host knows, for the launch that it starts in a container.
	FirstTrial int
	Caches     job.Caches

	Version string    // of this program
	Stdout  io.Writer // gets the MLPerf log and what was asked for
	Stderr  *os.File  // gets the words for people
	Logger  *zap.Logger
}

// Run finds where the launch runs and waits for its end, unless it is detached. An error has the exit
// code of the launch. When the context ends the trial is closed as aborted.
func Run(ctx context.Context, o Options) error {
	if image := o.Container; image != "" {
		o.Config.Cluster.Container = image
	}
	if o.Local && (o.Slurm || o.Detach) {
		return exit.Usage(errors.New("--local excludes --slurm and --detach"))
	}
	allocation, task, err := slurm.Discover(os.LookupEnv)
	if err != nil {
		return err
	}
	nodes := o.Config.Cluster.Nodes
	switch {
	case o.Local:
		return o.here(ctx)
	case task != nil && (nodes > 1 || task.World > 1):
		return exit.Usage(fmt.Errorf("srun started %d launchers: call launch once, in the batch script or beside salloc, and it starts the ranks itself",
			task.World))
	case allocation != nil && task == nil:
		return o.inAllocation(ctx, allocation)
	case o.Slurm, o.Detach, nodes > 1:
		return o.submit(ctx)
	default:
		return o.here(ctx)
	}
}

func (o Options) here(ctx context.Context) error {
	if o.Config.Cluster.Container != "" && o.Config.Cluster.Nodes == 1 {
		return o.inDocker(ctx)
	}
	return o.onHost(ctx)
}

// newTrial is one of the launch.
func (o Options) newTrial(j job.Job) *trial.Trial {
	return &trial.Trial{
		Job:      j,
		Resume:   o.Resume,
		Restarts: o.Restarts,
		Version:  o.Version,
		Stdout:   o.log(),
		Stderr:   o.Stderr,
		Logger:   o.Logger,
	}
}

// log is where the MLPerf log goes besides its file.
func (o Options) log() io.Writer {
	if file, ok := o.Stdout.(*os.File); o.JSON || ok && progress.IsTerminal(file) {
		return io.Discard
	}
	return o.Stdout
}
