// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package rendezvous

import (
	"context"
	"sync"
	"time"
)

// Member is a worker's side of a run. Gather and the like come one at a time; the rest from any
// goroutine. After a failure of any rank every call gives a *StoppedError, without a launcher a *LostError.
type Member interface {
	// World is the number of ranks, Job what the launcher wants done.
	World() int
	Job() []byte
	// Gather gives what every rank has brought under a name that is used once, by rank.
	Gather(ctx context.Context, name string, value []byte) ([][]byte, error)
	// Barrier waits until every rank has come.
	Barrier(ctx context.Context, name string) error
	// Broadcast gives the value of rank 0 to all; rank 0 does not wait.
	Broadcast(ctx context.Context, name string, value []byte) ([]byte, error)
	// Report is what the next heartbeats carry; a change of phase is sent at once, and a step unless the
	// last one was just now.
	Report(State)
	// Note sends something to the launcher, in order.
	Note([]byte)
	// Stopped is closed when the run is over because of another; Reason says why.
	Stopped() <-chan struct{}
	Reason() error
	// Fail says why this worker ends, Leave that it ends well. Both send what is left and disconnect.
	Fail(text string, derived bool)
	Leave(ctx context.Context) error
}

// While is a context that ends, with the reason, when the run is over; stop ends it before.
func While(ctx context.Context, m Member) (during context.Context, stop func()) {
	during, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-m.Stopped():
			cancel(m.Reason())
		case <-during.Done():
		}
	}()
	return during, func() { cancel(nil) }
}

// link carries a member's words to the room.
type link interface {
	gather(ctx context.Context, name string, value []byte, barrier bool) ([][]byte, error)
	broadcast(ctx context.Context, name string, value []byte) ([]byte, error)
	beat(Beat) error
	leave(ctx context.Context) error
	close() // the connection ends
}

// member sends heartbeats over a link and collects orders.
type member struct {
	link
	world int
	job   []byte

	mu      sync.Mutex
	state   State
	step    int64     // the last one sent
	stepped time.Time // when
	notes   [][]byte
	reason  error
	stopped chan struct{}
	wake    chan struct{} // there is something to send

	ending sync.Once
	end    chan Beat // the last one
	ended  chan struct{}
}

// start begins the heartbeats.
func (m *member) start() {
	m.state.Phase = PhaseStart
	m.stopped, m.wake = make(chan struct{}), make(chan struct{}, 1)
	m.end, m.ended = make(chan Beat, 1), make(chan struct{})
	go m.run()
}

func (m *member) run() {
	defer close(m.ended)
	tick := time.NewTicker(Heartbeat)
	defer tick.Stop()
	for {
		select {
		case last := <-m.end:
			if m.flush() && last.Failure != "" {
				last.State = m.current()
				_ = m.beat(last) // the launcher may be gone
			}
			return
		case <-m.wake:
		case <-tick.C:
		}
		m.flush()
		tick.Reset(Heartbeat)
	}
}

// flush sends the state with what notes there are, and says whether it could.
func (m *member) flush() bool {
	m.mu.Lock()
	state, notes := m.state, m.notes
	m.notes = nil
	if state.Step != m.step {
		m.step, m.stepped = state.Step, time.Now()
	}
	m.mu.Unlock()
	if len(notes) == 0 {
		notes = [][]byte{nil}
	}
	for _, note := range notes {
		if err := m.beat(Beat{State: state, Note: note}); err != nil {
			m.halt(err)
			return false
		}
	}
	return true
}

func (m *member) current() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

// halt says that the run is over.
func (m *member) halt(reason error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.reason == nil {
		m.reason = reason
		close(m.stopped)
	}
}

func (m *member) awake() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *member) World() int               { return m.world }
func (m *member) Job() []byte              { return m.job }
func (m *member) Stopped() <-chan struct{} { return m.stopped }

func (m *member) Reason() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reason
}

func (m *member) Report(s State) {
	m.mu.Lock()
	changed := s.Phase != m.state.Phase || s.Step != m.state.Step && time.Since(m.stepped) >= Heartbeat/2
	m.state = s
	m.mu.Unlock()
	if changed {
		m.awake()
	}
}

func (m *member) Note(note []byte) {
	m.mu.Lock()
	m.notes = append(m.notes, note)
	m.mu.Unlock()
	m.awake()
}

func (m *member) Gather(ctx context.Context, name string, value []byte) ([][]byte, error) {
	return m.gather(ctx, name, value, false)
}

func (m *member) Barrier(ctx context.Context, name string) error {
	_, err := m.gather(ctx, name, nil, true)
	return err
}

func (m *member) Broadcast(ctx context.Context, name string, value []byte) ([]byte, error) {
	return m.broadcast(ctx, name, value)
}

func (m *member) Fail(text string, derived bool) {
	m.finish(Beat{Failure: text, Derived: derived})
	m.link.close()
}

func (m *member) Leave(ctx context.Context) error {
	m.finish(Beat{})
	defer m.link.close()
	return m.leave(ctx)
}

// finish sends the last heartbeats.
func (m *member) finish(last Beat) {
	m.ending.Do(func() { m.end <- last })
	<-m.ended
}
