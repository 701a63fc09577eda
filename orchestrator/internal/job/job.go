// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package job is what launch and its workers say to each other: the job that every rank gets, and the
// messages that come back. Both sides are processes of the same build, so the words may change freely.
package job

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"path/filepath"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/health"
	"mlperf-ssd/orchestrator/internal/worker"
)

// Job is what launch tells a worker.
type Job struct {
	Config *config.Config
	Engine string // file of the library; empty = the one beside the worker's program
	Trial  int    // from 0
	Seed   int64
	Start  worker.Position
	Caches Caches

	Allreduce *Allreduce `json:",omitempty"` // instead of a trial
}

// LogFile is the MLPerf log of the trial, named as a submission wants it (spec section 17).
func (j Job) LogFile() string {
	return filepath.Join(j.Config.Run.LogDir, fmt.Sprintf("result_%d.txt", j.Trial))
}

// DrawSeed takes a seed of 31 bits, not 0, from the system.
func (j *Job) DrawSeed() error {
	n, err := rand.Int(rand.Reader, big.NewInt(1<<31-1))
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	j.Seed = n.Int64() + 1
	return nil
}

// Allreduce is a test of sums over all ranks.
type Allreduce struct {
	Bytes              []int64
	Iterations, Warmup int64
}

// NewAllreduce has the two sizes of the submission (spec section 16, point 4). Its iterations, 10000
// after 1000, were for GPUs.
func NewAllreduce() Allreduce {
	return Allreduce{Bytes: []int64{40033040, 39424}, Iterations: 20, Warmup: 5}
}

// Message is what a worker tells launch.
type Message struct {
	Progress *worker.Progress `json:"progress,omitempty"`
	Outcome  *worker.Outcome  `json:"outcome,omitempty"`
	Times    []health.Times   `json:"times,omitempty"` // of an all-reduce test: by size
	Error    string           `json:"error,omitempty"` // of an only rank; several tell the room
}
