// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package engine crosses the C line: it loads an engine library at run time and gives its functions Go
// types. It is the only package of the program with cgo. engine/abi/ssd_engine.h says what each call
// does and which calls may overlap.
package engine

import (
	"errors"
	"fmt"
	"time"

	"mlperf-ssd/proto/ssdpb"
)

// Engine is one engine: Poll from one goroutine and Abort from any may overlap the other calls, which
// come one at a time. After Destroy only Abort and Destroy may be called, and do nothing.
type Engine interface {
	// Address is what the other ranks need of this one to connect; Connect takes those of all ranks, in
	// rank order, and blocks until all have met. Before Prepare; one rank needs neither.
	Address(rank, world int) ([]byte, error)
	Connect(addresses [][]byte) error
	Prepare() error
	Train(epoch, steps int64) error
	Evaluate() error
	Save(path string) error
	Inspect(request *ssdpb.InspectRequest) error
	Bench(request *ssdpb.BenchRequest) (*ssdpb.BenchReport, error)
	// Poll waits for the first event up to timeout and returns what is there; nil at the timeout.
	Poll(timeout time.Duration) []Event
	Abort()
	Destroy()
}

// Kind says what an Event carries: SSD_EVENT_* of the header.
type Kind uint32

// The kinds of events.
const (
	EventLog Kind = iota + 1
	EventTensorInit
	EventStep
	EventEvalBegin
	EventEvalEnd
	EventDropped
	EventLearningRate
	EventEvalFailed
	EventProgress
	EventWhere
	EventSkipped
)

// Event is something that happened in the engine, at Time.
type Event struct {
	Time  time.Time
	Step  int64
	Value float64
	Kind  Kind
	Level uint32
	Text  string
}

// Status is why a call failed: SSD_* of the header.
type Status int32

// The statuses.
const (
	OK Status = iota
	Invalid
	Unavailable
	Data
	Device
	Comm
	Diverged
	Aborted
	Internal
)

func (s Status) String() string {
	names := [...]string{"ok", "invalid", "unavailable", "data", "device", "comm", "diverged", "aborted", "internal"}
	if s < 0 || int(s) >= len(names) {
		return fmt.Sprintf("status %d", int32(s))
	}
	return names[s]
}

// Error is a failed call. Its message is made for users.
type Error struct {
	Status  Status
	Message string
}

func (e *Error) Error() string { return e.Message }

// StatusOf is the status of an error that came from an engine, Internal for any other, OK for nil.
func StatusOf(err error) Status {
	var e *Error
	switch {
	case err == nil:
		return OK
	case errors.As(err, &e):
		return e.Status
	default:
		return Internal
	}
}
