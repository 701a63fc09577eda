// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package rendezvous

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fault is what befalls a rank of a simulated run.
type fault int

const (
	none   fault = iota
	dies         // its connection ends without a word
	fails        // it says why it ends
	mutes        // its network is cut
	hangs        // it lives but makes no step
	stalls       // the same, and the others wait for it in a collective
	absent       // it never comes
	doubly       // a second worker claims its rank: no fault of the run
)

func (f fault) String() string {
	return [...]string{"none", "dies", "fails", "mutes", "hangs", "stalls", "absent", "doubly"}[f]
}

// simulation is a run on simulated time.
type simulation struct {
	room     *Room
	limits   Limits
	world    int
	epochs   int
	steps    int // an epoch
	stepTime time.Duration
	victim   int
	fault    fault
	at       int // step of the fault, from 0
	delays   *rand.Rand
	ends     []error
	struck   time.Time
	noticed  time.Time
}

func newSimulation(seed uint64) *simulation {
	r := rand.New(rand.NewPCG(seed, 1))
	s := &simulation{
		world:    1 + r.IntN(6),
		epochs:   1 + r.IntN(3),
		steps:    1 + r.IntN(20),
		stepTime: time.Duration(1+r.IntN(3000)) * time.Millisecond,
		fault:    fault(r.IntN(int(doubly) + 1)),
		limits:   Limits{Join: 30 * time.Second, Silence: 4 * time.Second, Hang: 10 * time.Second, Prepare: time.Minute, Evaluate: time.Minute},
		delays:   r,
	}
	s.victim, s.at = r.IntN(s.world), r.IntN(s.epochs*s.steps)
	s.ends = make([]error, s.world)
	return s
}

// run plays the whole run; only inside a bubble of synctest.
func (s *simulation) run() {
	s.room = NewRoom(Options{World: s.world, Token: "t", Limits: s.limits})
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { s.room.Watch(ctx) })
	var ranks sync.WaitGroup
	for rank := range s.world {
		late := time.Duration(s.delays.IntN(5000)) * time.Millisecond
		r := rand.New(rand.NewPCG(s.delays.Uint64(), 2))
		ranks.Go(func() {
			time.Sleep(late)
			s.ends[rank] = s.rank(ctx, rank, r)
		})
	}
	all.Go(func() {
		select {
		case <-s.room.Stopped():
			s.noticed = time.Now()
		case <-ctx.Done():
		}
	})
	ranks.Wait()
	cancel()
	all.Wait()
}

var errStruck = errors.New("struck")

// rank is the life of one worker; every step costs what all ranks' steps cost and some more.
func (s *simulation) rank(ctx context.Context, rank int, r *rand.Rand) error {
	mine := rank == s.victim
	if mine && s.fault == absent {
		s.struck = s.room.opened
		<-s.room.Stopped()
		return errStruck
	}
	m, err := Enter(s.room, Request{Token: "t", Info: Info{Rank: rank}})
	if err != nil {
		return err
	}
	if mine && s.fault == doubly {
		if _, err := Enter(s.room, Request{Token: "t", Info: Info{Rank: rank}}); err == nil {
			return errors.New("two workers have one rank")
		}
	}
	addresses, err := m.Gather(ctx, "addresses", []byte{byte(rank)})
	if err == nil && (len(addresses) != s.world || addresses[rank][0] != byte(rank)) {
		err = fmt.Errorf("addresses %v", addresses)
	}
	step := 0
	for epoch := 1; err == nil && epoch <= s.epochs; epoch++ {
		for range s.steps {
			m.Report(State{Phase: PhaseTrain, Epoch: int64(epoch), Step: int64(step), Doing: "loading data", Collectives: int64(step)})
			if mine && step == s.at {
				if struck := s.strike(m); struck != nil {
					return struck
				}
			}
			if !mine && s.fault == stalls && step == s.at {
				m.Report(State{Phase: PhaseTrain, Epoch: int64(epoch), Step: int64(step), Doing: "all-reduce", Collectives: int64(step) + 1, Waiting: true})
				<-m.Stopped()
				break
			}
			time.Sleep(s.stepTime + time.Duration(r.IntN(100))*time.Millisecond)
			if m.Reason() != nil {
				break
			}
			step++
		}
		m.Report(State{Phase: PhaseWait, Epoch: int64(epoch), Step: int64(step)})
		if err = m.Barrier(ctx, fmt.Sprint("all-reduce", epoch)); err == nil {
			var decision []byte
			decision, err = m.Broadcast(ctx, fmt.Sprint("stop", epoch), []byte{byte(rank)})
			if err == nil && decision[0] != 0 {
				err = fmt.Errorf("decision of rank %d", decision[0])
			}
		}
	}
	if err == nil {
		return m.Leave(ctx)
	}
	m.Fail(err.Error(), true)
	return err
}

// strike lets the fault happen; the error ends the rank's life.
func (s *simulation) strike(m Member) error {
	s.struck = time.Now()
	switch s.fault {
	case dies:
		kill(m)
	case fails:
		m.Fail("its own fault", false)
	case mutes:
		mute(m)
		<-s.room.Stopped()
	case hangs, stalls:
		<-m.Stopped()
		m.Fail("stopped", true)
	default:
		return nil
	}
	return errStruck
}

// TestFaultsAreNoticedAndNamed plays thousands of runs: who fails is named, in time, all others end,
// and no run without a fault is stopped.
func TestFaultsAreNoticedAndNamed(t *testing.T) {
	seeds := uint64(5000)
	if testing.Short() {
		seeds = 500
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			s := newSimulation(seed)
			s.run()
			if problem := s.judge(); problem != "" {
				t.Errorf("seed %d: %d ranks, rank %d %v at step %d of %v: %s; cause %v, ends %v",
					seed, s.world, s.victim, s.fault, s.at, s.stepTime, problem, s.room.Cause(), s.ends)
			}
		})
		if t.Failed() {
			return
		}
	}
}

// judge says what went wrong.
func (s *simulation) judge() string {
	cause := s.room.Cause()
	if s.fault == none || s.fault == doubly {
		if cause != nil {
			return "a run without a fault was stopped"
		}
		if err := errors.Join(s.ends...); err != nil {
			return "a rank failed"
		}
		return ""
	}
	if cause == nil {
		return "nobody noticed"
	}
	wants := map[fault]string{dies: "its connection ended", fails: "its own fault", mutes: "no sign of life", hangs: "hangs", stalls: "loading data", absent: "did not join"}
	want := wants[s.fault]
	if s.fault == stalls && s.world > 1 {
		want += fmt.Sprintf("; %d of the others wait in all-reduce", s.world-1)
	}
	if !strings.Contains(cause.Text, want) {
		return "the wrong cause"
	}
	allStand := s.fault == hangs && cause.Rank == -1
	if cause.Rank != s.victim && !allStand {
		return "the wrong rank"
	}
	for rank, err := range s.ends {
		var stopped *StoppedError
		if rank != s.victim && !errors.As(err, &stopped) {
			return fmt.Sprintf("rank %d did not stop", rank)
		}
	}
	return s.late()
}

// late compares the time until the fault was noticed with what is promised.
func (s *simulation) late() string {
	const slack = Heartbeat + 2*watchInterval
	took := s.noticed.Sub(s.struck)
	hang := max(s.limits.Hang, 10*(s.stepTime+100*time.Millisecond)) + slack
	if s.at == 0 {
		hang = s.limits.Prepare + slack
	}
	limit := map[fault]time.Duration{
		dies: 0, fails: 0, mutes: 5 * time.Second, absent: s.limits.Join + slack, hangs: hang, stalls: hang,
	}[s.fault]
	if took > limit {
		return fmt.Sprintf("noticed only after %v", took)
	}
	return ""
}
