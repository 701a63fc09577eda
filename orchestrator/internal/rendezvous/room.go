// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package rendezvous

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync"
	"time"

	"mlperf-ssd/proto/controlpb"
)

// Options describe a run to its Room.
type Options struct {
	World         int
	Token         string
	Build         string // of the program, equal on all ranks
	Configuration string // its hash
	Job           []byte // what a worker that joins is to do
	Limits        Limits
	Host          string                      // the launcher's; empty = not known
	Note          func(rank int, note []byte) // from a worker for the launcher; one at a time
}

// Request is what a worker shows when it joins. An empty configuration means that it takes the Job.
type Request struct {
	Token, Build, Configuration string
	Info                        Info
}

// Room is the meeting place of one run. Safe for concurrent use.
type Room struct {
	Options

	mu       sync.Mutex
	opened   time.Time
	checked  time.Time // last look at the clock
	seats    []seat
	sessions map[string]int // to their ranks
	joined   int
	left     int
	rounds   map[string]*round
	used     map[string]bool // names of rounds that are over
	failures []*Failure
	full     chan struct{} // closed when all have joined
	stopped  chan struct{} // closed at the first failure
	reason   string

	noting sync.Mutex
}

type seat struct {
	session    string // empty: nobody has joined
	info       Info
	state      State
	left       bool   // ended well
	failed     bool   // said so
	refused    string // why the last Join for it was
	seen       time.Time
	progressed time.Time // last step or change of phase
	first      bool      // no step is done yet in this process
	stepTime   time.Duration
}

// round is one exchange.
type round struct {
	values [][]byte
	came   []bool
	count  int
	taken  map[int]bool
	done   chan struct{}

	packing sync.Once
	packed  *controlpb.GatherReply
}

// reply is what goes to every rank of a finished round, made once.
func (x *round) reply() *controlpb.GatherReply {
	x.packing.Do(func() {
		x.packed = &controlpb.GatherReply{Values: bytes.Join(x.values, nil)}
		for _, value := range x.values {
			x.packed.Sizes = append(x.packed.Sizes, uint32(len(value)))
		}
	})
	return x.packed
}

// NewRoom opens a room.
func NewRoom(o Options) *Room {
	if o.Note == nil {
		o.Note = func(int, []byte) {}
	}
	now := time.Now()
	r := &Room{Options: o, opened: now, checked: now, seats: make([]seat, o.World), sessions: map[string]int{}, rounds: map[string]*round{}, used: map[string]bool{},
		full: make(chan struct{}), stopped: make(chan struct{})}
	for i := range r.seats {
		r.seats[i].info.Rank = i
		r.seats[i].state.Phase = PhaseStart
	}
	return r
}

// Join gives a worker its seat, by a name that no other knows.
func (r *Room) Join(q Request) (session string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.refuse(q); err != nil {
		r.remember(q.Info.Rank, err)
		return "", err
	}
	now := time.Now()
	s := seat{session: rand.Text(), info: q.Info, state: State{Phase: PhaseStart}, seen: now, progressed: now, first: true}
	r.seats[q.Info.Rank] = s
	r.sessions[s.session] = q.Info.Rank
	if r.joined++; r.joined == r.World {
		close(r.full)
		for i := range r.seats {
			r.seats[i].seen = now
		}
	}
	return s.session, nil
}

// remember keeps why a worker was not let in, for when its process ends.
func (r *Room) remember(rank int, err error) {
	if rank < 0 || rank >= r.World || r.seats[rank].session != "" {
		return
	}
	var refused *RefusedError
	if errors.As(err, &refused) {
		r.seats[rank].refused = refused.Text
	} else {
		r.seats[rank].failed = true // it ends as the run is over
	}
}

// refuse is why a worker may not join.
func (r *Room) refuse(q Request) error {
	rank := q.Info.Rank
	switch {
	case subtle.ConstantTimeCompare([]byte(q.Token), []byte(r.Token)) != 1:
		return &RefusedError{fmt.Sprintf("the token of rank %d on %s is not that of this run", rank, q.Info.Host)}
	case q.Build != r.Build:
		return &RefusedError{fmt.Sprintf("rank %d on %s is of build %s, the launcher of %s: install the same on all nodes", rank, q.Info.Host, q.Build, r.Build)}
	case q.Configuration != "" && q.Configuration != r.Configuration:
		return &RefusedError{fmt.Sprintf("rank %d on %s has configuration %s, this run has %s", rank, q.Info.Host, q.Configuration, r.Configuration)}
	case rank < 0 || rank >= r.World:
		return &RefusedError{fmt.Sprintf("there is no rank %d among %d (worker on %s)", rank, r.World, q.Info.Host)}
	case r.reason != "":
		return &StoppedError{r.reason}
	}
	if s := &r.seats[rank]; s.session != "" {
		return &RefusedError{fmt.Sprintf("rank %d is taken by pid %d on %s: pid %d on %s claims it too",
			rank, s.info.PID, s.info.Host, q.Info.PID, q.Info.Host)}
	}
	return nil
}

// Table is the rank table: who has joined.
func (r *Room) Table() []Info {
	r.mu.Lock()
	defer r.mu.Unlock()
	var table []Info
	for _, s := range r.seats {
		if s.session != "" {
			table = append(table, s.info)
		}
	}
	return table
}

// Full is closed when every rank has joined.
func (r *Room) Full() <-chan struct{} { return r.full }

// seated finds the rank of a session.
func (r *Room) seated(session string) (int, error) {
	rank, ok := r.sessions[session]
	if !ok {
		return 0, &RefusedError{"no such session: Join comes first"}
	}
	return rank, nil
}

// Gather gives what every rank has brought under this name, by rank, when all have.
func (r *Room) Gather(ctx context.Context, session, name string, value []byte) ([][]byte, error) {
	x, err := r.gather(ctx, session, name, value)
	if err != nil {
		return nil, err
	}
	return x.values, nil
}

// gather gives the finished round.
func (r *Room) gather(ctx context.Context, session, name string, value []byte) (*round, error) {
	rank, x, err := r.bring(session, name, value, true)
	if err != nil {
		return nil, err
	}
	return x, r.await(ctx, rank, name, x)
}

// Broadcast gives every rank the value of rank 0, which does not wait; the values of others are unused.
func (r *Room) Broadcast(ctx context.Context, session, name string, value []byte) ([]byte, error) {
	rank, x, err := r.bring(session, name, value, false)
	if err == nil {
		err = r.await(ctx, rank, name, x)
	}
	if err != nil {
		return nil, err
	}
	return x.values[0], nil
}

// bring adds a rank's value to a round; the round is done when all came, or else when rank 0 did.
func (r *Room) bring(session, name string, value []byte, all bool) (int, *round, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rank, err := r.seated(session)
	if err != nil {
		return 0, nil, err
	}
	if r.reason != "" {
		return 0, nil, &StoppedError{r.reason}
	}
	x := r.rounds[name]
	if x == nil {
		if r.used[name] {
			return 0, nil, fmt.Errorf("rendezvous: rank %d: the name %q has been used", rank, name)
		}
		x = &round{values: make([][]byte, r.World), came: make([]bool, r.World), taken: map[int]bool{}, done: make(chan struct{})}
		r.rounds[name] = x
	}
	if x.came[rank] {
		if !bytes.Equal(x.values[rank], value) {
			return 0, nil, fmt.Errorf("rendezvous: rank %d brought two values for %q", rank, name)
		}
		return rank, x, nil
	}
	x.came[rank], x.values[rank] = true, value
	x.count++
	if all && x.count == r.World || !all && rank == 0 {
		close(x.done)
	}
	r.checkDeserted(name, x)
	return rank, x, nil
}

func (r *Room) await(ctx context.Context, rank int, name string, x *round) error {
	select {
	case <-x.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-r.stopped:
		return r.stop()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	x.taken[rank] = true
	if len(x.taken) == r.World {
		delete(r.rounds, name)
		r.used[name] = true
	}
	return nil
}

// checkDeserted fails the first rank that has left and is awaited in a round.
func (r *Room) checkDeserted(name string, x *round) {
	select {
	case <-x.done:
		return
	default:
	}
	for rank := range r.seats {
		if r.seats[rank].left && !x.came[rank] {
			r.fail(rank, Own, fmt.Sprintf("left while others wait for it in %q", name))
			return
		}
	}
}

// Leave ends a worker's part in good order.
func (r *Room) Leave(session string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	rank, err := r.seated(session)
	if err != nil || r.seats[rank].left {
		return err
	}
	r.seats[rank].left = true
	r.left++
	for name, x := range r.rounds {
		r.checkDeserted(name, x)
	}
	return nil
}
