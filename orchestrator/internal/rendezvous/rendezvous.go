// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package rendezvous is where the workers of a run meet: they join, exchange bytes, wait for each
// other, tell how far they are, and learn that the run is over when one of them fails. The Room is the
// launcher's side, a Member a worker's. Server and Dial carry it over gRPC with mutual TLS; Enter is
// the same without a network, Alone is a run of one rank.
package rendezvous

import (
	"fmt"
	"time"
)

// Info is a line of the rank table.
type Info struct {
	Rank      int
	Host      string
	Node      int // index
	LocalRank int // on its node
	PID       int
}

// The phases of a worker.
const (
	PhaseStart    = "start" // opening the engine, meeting the others
	PhasePrepare  = "prepare"
	PhaseTrain    = "train"
	PhaseEvaluate = "evaluate"
	PhaseSave     = "save" // a checkpoint
	PhaseWait     = "wait" // for other ranks
	PhaseTest     = "all-reduce test"
)

// State is how far a worker is.
type State struct {
	Phase       string
	Epoch, Step int64
	Doing       string // in the phase, as the engine says
	Collectives int64  // begun; all ranks make the same ones
	Waiting     bool   // in the last of them, for other ranks
}

func (s State) String() string {
	if s.Epoch == 0 {
		return s.Phase
	}
	return fmt.Sprintf("%s, epoch %d, step %d", s.Phase, s.Epoch, s.Step)
}

// weight orders what is known of a failure: the least weight and then the earliest is the cause.
type weight int

// The weights.
const (
	Own     weight = iota // it failed by itself: an error, a signal, no progress
	Lost                  // its connection ended; why is not known
	Derived               // most likely the effect of another rank's failure
)

// Failure is the end of a worker that did not go well.
type Failure struct {
	Rank   int // -1: no single rank
	Info   Info
	State  State
	Weight weight
	Text   string
	At     time.Time
}

// Error names rank, node, phase and reason.
func (f *Failure) Error() string {
	if f.Rank < 0 {
		return f.Text
	}
	place := ""
	if f.Info.Host != "" {
		place = fmt.Sprintf(" on %s (node %d)", f.Info.Host, f.Info.Node)
	}
	return fmt.Sprintf("rank %d%s, %s: %s", f.Rank, place, f.State, f.Text)
}

// RefusedError is a Join that was not let in.
type RefusedError struct{ Text string }

func (e *RefusedError) Error() string { return "rendezvous: refused: " + e.Text }

// StoppedError is what every call gets once the run is over.
type StoppedError struct{ Reason string }

func (e *StoppedError) Error() string { return "stopped: " + e.Reason }

// LostError is what a worker gets that has lost its launcher.
type LostError struct{ Reason string }

func (e *LostError) Error() string { return "the launcher is lost: " + e.Reason }

// Limits are the times after which a worker counts as failed; zero = never.
type Limits struct {
	Join     time.Duration // from the opening to the last Join
	Silence  time.Duration // without a heartbeat
	Hang     time.Duration // without a step, or ten steps if that is longer
	Prepare  time.Duration // of preparing, and of the first step, which opens the data
	Evaluate time.Duration // of an evaluation, and of a checkpoint
}

// Heartbeat is how often a worker says that it lives.
const Heartbeat = 500 * time.Millisecond

// DefaultLimits notice a cut network in less than five seconds.
func DefaultLimits() Limits {
	return Limits{Join: 2 * time.Minute, Silence: 4 * time.Second, Hang: 10 * time.Second, Prepare: 15 * time.Minute, Evaluate: 15 * time.Minute}
}
