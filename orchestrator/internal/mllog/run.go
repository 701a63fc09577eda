// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package mllog

import (
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"time"

	"mlperf-ssd/orchestrator/internal/ssdnames"
)

// The event types of section 11.
const (
	intervalStart = "INTERVAL_START"
	intervalEnd   = "INTERVAL_END"
	pointInTime   = "POINT_IN_TIME"
)

// phase is how far a log is.
type phase int

const (
	beforeInit phase = iota
	inInit
	initialized // after init_stop
	running     // after run_start
	finished    // after run_stop
)

func (p phase) String() string {
	return [...]string{"before init_start", "after init_start", "after init_stop", "after run_start", "after run_stop"}[p]
}

// Run writes the log of one run. Times are the caller's, and are moved up where they would go back.
// Not safe for concurrent use. After a failed write every call fails.
type Run struct {
	out  io.Writer
	err  error
	last time.Time

	phase       phase
	submission  bool
	seed        bool
	hyper       bool
	uninitiated map[string]bool // tensors without weights_initialization
	shape       bool
	epoch       int64 // begun last
	inEpoch     bool
	evaluated   int64   // begun to evaluate last
	evaluating  []int64 // begun and not scored, oldest first
	scored      bool    // at least once
}

// New starts a log on out: one Write a line.
func New(out io.Writer) *Run {
	r := &Run{out: out, uninitiated: map[string]bool{}}
	for _, name := range ssdnames.Tensors() {
		r.uninitiated[name] = true
	}
	return r
}

// emit writes one line that names the place where the event's method was called.
func (r *Run) emit(at time.Time, event, key string, value any, extras ...Field) error {
	if r.err != nil {
		return r.err
	}
	if at.Before(r.last) {
		at = r.last
	}
	r.last = at
	file, number := "unknown", 0
	if _, path, line, ok := runtime.Caller(2); ok {
		file, number = filepath.Base(path), line
	}
	metadata := append(Object{{"file", file}, {"lineno", int64(number)}}, extras...)
	if _, err := io.WriteString(r.out, line{at, event, key, value, metadata}.String()); err != nil {
		r.err = fmt.Errorf("mllog: write: %w", err)
	}
	return r.err
}

// must is an error unless the log is in the given phase and the condition holds.
func (r *Run) must(key string, p phase, condition bool, why string) error {
	if r.err != nil {
		return r.err
	}
	if r.phase != p {
		return fmt.Errorf("mllog: %s: must come %s, not %s", key, p, r.phase)
	}
	if !condition {
		return fmt.Errorf("mllog: %s: %s", key, why)
	}
	return nil
}

// first is the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
