// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"sync"
	"time"

	"mlperf-ssd/orchestrator/internal/engine"
)

// locked lets Poll run beside the other calls of a scripted engine.
type locked struct {
	*scripted
	mu sync.Mutex
}

func newLocked(s *scripted) engine.Engine { return &locked{scripted: s} }

func (l *locked) do(f func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return f()
}

func (l *locked) Prepare() error { return l.do(l.scripted.Prepare) }
func (l *locked) Train(epoch, steps int64) error {
	return l.do(func() error { return l.scripted.Train(epoch, steps) })
}
func (l *locked) Evaluate() error        { return l.do(l.scripted.Evaluate) }
func (l *locked) Save(path string) error { return l.do(func() error { return l.scripted.Save(path) }) }
func (l *locked) Poll(d time.Duration) []engine.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.scripted.Poll(d)
}
