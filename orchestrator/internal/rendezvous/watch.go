// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package rendezvous

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// Beat is one heartbeat; zero fields but State carry nothing.
type Beat struct {
	State   State
	Note    []byte
	Failure string // why the worker ends
	Derived bool   // see Derived
}

// Heartbeat takes a sign of life.
func (r *Room) Heartbeat(session string, b Beat) error {
	rank, err := r.beat(session, b)
	if err == nil && len(b.Note) > 0 {
		r.noting.Lock()
		defer r.noting.Unlock()
		r.Note(rank, b.Note)
	}
	return err
}

func (r *Room) beat(session string, b Beat) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rank, err := r.seated(session)
	if err != nil {
		return 0, err
	}
	s, now := &r.seats[rank], time.Now()
	s.seen = now
	if steps := b.State.Step - s.state.Step; steps > 0 {
		// The first one counts too, so that a slow machine's second has the time. Shorter steps are told
		// of late: what is seen of them is the time between heartbeats.
		if s.stepTime = now.Sub(s.progressed) / time.Duration(steps); s.stepTime < 3*Heartbeat/2 {
			s.stepTime = 0
		}
		s.progressed, s.first = now, false
	}
	if b.State.Phase != s.state.Phase {
		s.progressed = now
	}
	s.state = b.State
	if b.Failure != "" {
		weight := Own
		if b.Derived {
			weight = Derived
		}
		s.failed = true
		r.fail(rank, weight, b.Failure)
	}
	return rank, nil
}

// Lose says that a worker's connection has ended. It is nothing after its last word.
func (r *Room) Lose(session string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rank, err := r.seated(session); err == nil && !r.seats[rank].left && !r.seats[rank].failed {
		r.fail(rank, Lost, "its connection ended")
	}
}

// Exit says how a rank's process ended badly, by a signal or by itself. Its own last word is better, if
// there was one.
func (r *Room) Exit(rank int, signal bool, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.seats[rank]
	if !signal && (s.failed || s.left) {
		return
	}
	if s.refused != "" {
		text = "refused: " + s.refused
	}
	r.fail(rank, Own, text)
}

// Explain says how a rank's process ended that may have been ended for another's failure: it counts for the
// rank whose lost connection was the first failure of all.
func (r *Room) Explain(rank int, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.failures) > 0 && r.failures[0].Rank == rank && r.failures[0].Weight == Lost {
		r.fail(rank, Own, text)
		r.failures[len(r.failures)-1].At = r.failures[0].At
	}
}

// Fail says what is known of a rank's end from elsewhere; -1 is none of the ranks.
func (r *Room) Fail(rank int, w weight, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail(rank, w, text)
}

func (r *Room) fail(rank int, w weight, text string) {
	f := &Failure{Rank: rank, Weight: w, Text: text, At: time.Now()}
	if rank >= 0 {
		f.Info, f.State = r.seats[rank].info, r.seats[rank].state
	}
	r.failures = append(r.failures, f)
	if r.reason == "" {
		r.reason = f.Error()
		close(r.stopped)
	}
}

// Stopped is closed at the first failure.
func (r *Room) Stopped() <-chan struct{} { return r.stopped }

func (r *Room) stop() *StoppedError {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &StoppedError{r.reason}
}

// Cause is the failure that most likely caused the others, by what is known now; nil if there is none.
func (r *Room) Cause() *Failure {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.failures) == 0 {
		return nil
	}
	return slices.MinFunc(r.failures, func(a, b *Failure) int {
		return cmp.Or(cmp.Compare(a.Weight, b.Weight), a.At.Compare(b.At))
	})
}

// Farthest is the last step that any rank has done.
func (r *Room) Farthest() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.MaxFunc(r.seats, func(a, b seat) int { return cmp.Compare(a.state.Step, b.state.Step) }).state.Step
}

// watchInterval is how often the clocks are looked at.
const watchInterval = 250 * time.Millisecond

// Watch fails the workers that are over a limit, until the context ends or the run is over.
func (r *Room) Watch(ctx context.Context) {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.stopped:
			return
		case now := <-tick.C:
			r.check(now)
		}
	}
}

func (r *Room) check(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// This process stood still, or has too little of the processors: what the workers said may be as late.
	if late := now.Sub(r.checked) - watchInterval; late > watchInterval {
		for i := range r.seats {
			r.seats[i].seen = r.seats[i].seen.Add(late)
			r.seats[i].progressed = r.seats[i].progressed.Add(late)
		}
		r.opened = r.opened.Add(late)
	}
	r.checked = now
	if r.reason == "" {
		r.checkJoined(now)
		r.checkAlive(now)
		r.checkPhases(now)
		r.checkSteps(now)
	}
}

func over(since, now time.Time, limit time.Duration) bool { return limit > 0 && now.Sub(since) > limit }

func (r *Room) checkJoined(now time.Time) {
	if r.joined == r.World || !over(r.opened, now, r.Limits.Join) {
		return
	}
	missing := slices.IndexFunc(r.seats, func(s seat) bool { return s.session == "" })
	r.fail(missing, Own, fmt.Sprintf("did not join within %v (%d of %d ranks did)", r.Limits.Join, r.joined, r.World))
}

// working gives the ranks that are in the run, in one of the phases.
func (r *Room) working(phases ...string) []int {
	var ranks []int
	for rank, s := range r.seats {
		if s.session != "" && !s.left && !s.failed && (len(phases) == 0 || slices.Contains(phases, s.state.Phase)) {
			ranks = append(ranks, rank)
		}
	}
	return ranks
}

// checkAlive begins when all ranks are there: before, a machine that starts many of them may be slow.
func (r *Room) checkAlive(now time.Time) {
	if r.joined < r.World {
		return
	}
	silent := slices.DeleteFunc(r.working(), func(rank int) bool { return !over(r.seats[rank].seen, now, r.Limits.Silence) })
	if len(silent) > 0 && r.isCutOff(now) {
		here := slices.IndexFunc(r.seats, func(s seat) bool { return s.info.Host == r.Host })
		r.fail(here, Own, fmt.Sprintf("no sign of life from any other node for %v: the network of %s, where the launcher is, is cut", r.Limits.Silence, r.Host))
		return
	}
	for _, rank := range silent {
		r.fail(rank, Own, fmt.Sprintf("no sign of life for %v: the process stands still or its network is cut", r.Limits.Silence))
	}
}

// isCutOff says whether it is the launcher's node that lost its network: two nodes or more that are all
// silent by now. Of two nodes nobody can tell which one it is.
func (r *Room) isCutOff(now time.Time) bool {
	others := map[string]bool{}
	for _, rank := range r.working() {
		s := &r.seats[rank]
		if s.info.Host == r.Host {
			continue
		}
		if !over(s.seen, now, r.Limits.Silence/2) {
			return false
		}
		others[s.info.Host] = true
	}
	return r.Host != "" && len(others) > 1
}
