// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package rendezvous

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func enter(t *testing.T, r *Room, rank int) Member {
	t.Helper()
	m, err := Enter(r, Request{Info: Info{Rank: rank}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestExitTellsWhyAWorkerWasRefused(t *testing.T) {
	r := NewRoom(Options{World: 2, Build: "b1"})
	if _, err := Enter(r, Request{Build: "b2", Info: Info{Rank: 1, Host: "n1"}}); err == nil {
		t.Fatal("let in")
	}
	r.Exit(1, false, "ended with exit code 1")
	if cause := r.Cause(); cause.Rank != 1 || !strings.Contains(cause.Text, "refused: rank 1 on n1 is of build b2") {
		t.Errorf("cause %v", cause)
	}
}

// A worker that said why it ends ends with an exit code: that is no news. A signal is.
func TestTheLastWordBeatsTheExitCode(t *testing.T) {
	r := NewRoom(Options{World: 2})
	one, two := enter(t, r, 0), enter(t, r, 1)
	one.Fail("all-reduce: rank 1 is gone", true)
	r.Exit(0, false, "ended with exit code 1")
	if cause := r.Cause(); cause.Rank != 0 || cause.Weight != Derived {
		t.Errorf("cause %v", cause)
	}
	two.Fail("stopped", true)
	r.Exit(1, true, "died (segmentation fault)")
	if cause := r.Cause(); cause.Rank != 1 || cause.Text != "died (segmentation fault)" {
		t.Errorf("cause %v", cause)
	}
}

// srun kills the rest when one task has ended, so of a killed one it is doubtful why, unless it was lost
// before all others.
func TestAKilledRankIsExplainedIfItWasTheFirst(t *testing.T) {
	r := NewRoom(Options{World: 2})
	one, two := enter(t, r, 0), enter(t, r, 1)
	kill(one)
	kill(two)
	r.Exit(1, false, "ended with exit code 1")
	if cause := r.Cause(); cause.Rank != 1 { // as long as nothing better is known of rank 0
		t.Errorf("cause %v", cause)
	}
	r.Explain(1, "was killed")
	r.Explain(0, "was killed")
	if cause := r.Cause(); cause.Rank != 0 || cause.Text != "was killed" {
		t.Errorf("cause %v", cause)
	}
}

// A worker that comes when the run is over ends for that, and is not its cause.
func TestALateWorkerIsNotTheCause(t *testing.T) {
	r := NewRoom(Options{World: 2})
	enter(t, r, 0).Fail("interrupted from elsewhere", true)
	if _, err := Enter(r, Request{Info: Info{Rank: 1}}); err == nil {
		t.Fatal("let in")
	}
	r.Exit(1, false, "ended with exit code 1")
	if cause := r.Cause(); cause.Rank != 0 {
		t.Errorf("cause %v", cause)
	}
}

// watched runs f beside the watch over a room, on simulated time.
func watched(t *testing.T, limits Limits, f func(t *testing.T, r *Room)) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRoom(Options{World: 2, Limits: limits})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.Watch(ctx)
		}()
		f(t, r)
		cancel()
		<-done
	})
}

// Which node has lost its network is seen from the launcher's.
func TestTheLaunchersOwnNetworkMayBeCut(t *testing.T) {
	const silent = "no sign of life for 4s: the process stands still or its network is cut"
	const alone = "no sign of life from any other node for 4s: the network of a, where the launcher is, is cut"
	for _, test := range []struct {
		hosts string // of the ranks
		mute  []int
		want  string
	}{
		{"abbcc", []int{1, 2, 3, 4}, "rank 0 on a (node 0), start: " + alone},
		{"bbcc", []int{0, 1, 2, 3}, alone},
		{"abbcc", []int{3, 4}, "rank 3 on c (node 0), start: " + silent},
		{"abbcc", []int{0}, "rank 0 on a (node 0), start: " + silent},
		{"abb", []int{1, 2}, "rank 1 on b (node 0), start: " + silent},
		{"aaa", []int{1, 2}, "rank 1 on a (node 0), start: " + silent},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := NewRoom(Options{World: len(test.hosts), Host: "a", Limits: Limits{Silence: 4 * time.Second}})
			var members []Member
			for rank, host := range test.hosts {
				m, err := Enter(r, Request{Info: Info{Rank: rank, Host: string(host)}})
				if err != nil {
					t.Fatal(err)
				}
				members = append(members, m)
			}
			go r.Watch(t.Context())
			time.Sleep(time.Minute)
			for _, rank := range test.mute {
				mute(members[rank])
				time.Sleep(Heartbeat / 4) // cables are cut at once, heartbeats are not sent at once
			}
			<-r.Stopped()
			if cause := r.Cause(); cause.Error() != test.want {
				t.Errorf("%s without %v: %v", test.hosts, test.mute, cause)
			}
			for _, m := range members {
				m.Fail("stopped", true)
			}
		})
	}
}

func TestOthersMayWaitForARankThatSaves(t *testing.T) {
	limits := Limits{Silence: 4 * time.Second, Hang: 10 * time.Second, Prepare: time.Minute, Evaluate: time.Minute}
	watched(t, limits, func(t *testing.T, r *Room) {
		zero, one := enter(t, r, 0), enter(t, r, 1)
		for step := range int64(3) {
			zero.Report(State{Phase: PhaseTrain, Epoch: 1, Step: step})
			one.Report(State{Phase: PhaseTrain, Epoch: 1, Step: step})
			time.Sleep(time.Second)
		}
		zero.Report(State{Phase: PhaseSave, Epoch: 1, Step: 3})
		one.Report(State{Phase: PhaseTrain, Epoch: 1, Step: 3})
		time.Sleep(50 * time.Second)
		if cause := r.Cause(); cause != nil {
			t.Errorf("stopped while a rank saves: %v", cause)
		}
		zero.Report(State{Phase: PhaseTrain, Epoch: 1, Step: 3})
		time.Sleep(9 * time.Second)
		if cause := r.Cause(); cause != nil {
			t.Errorf("stopped just after a rank saved: %v", cause)
		}
		zero.Report(State{Phase: PhaseSave, Epoch: 1, Step: 3})
		<-one.Stopped()
		if cause := r.Cause(); cause.Error() != "rank 0, save, epoch 1, step 3: hangs: 1m0s in this phase" {
			t.Errorf("cause %v", cause)
		}
		zero.Fail("stopped", true)
		one.Fail("stopped", true)
	})
}

// Steps that are slow from the first on are no hang.
func TestSlowStepsAreNoHang(t *testing.T) {
	watched(t, Limits{Hang: 10 * time.Second, Prepare: time.Hour}, func(t *testing.T, r *Room) {
		zero, one := enter(t, r, 0), enter(t, r, 1)
		for step := range int64(4) {
			zero.Report(State{Phase: PhaseTrain, Epoch: 1, Step: step})
			one.Report(State{Phase: PhaseTrain, Epoch: 1, Step: step})
			time.Sleep(time.Minute)
		}
		if cause := r.Cause(); cause != nil {
			t.Errorf("cause %v", cause)
		}
		began := time.Now()
		<-zero.Stopped()
		if cause, took := r.Cause(), time.Since(began); took < 8*time.Minute || took > 10*time.Minute {
			t.Errorf("stopped after %v: %v", took, cause)
		}
		zero.Fail("stopped", true)
		one.Fail("stopped", true)
	})
}

// Of ranks that stand at the same step, those are missing that have begun the fewest collectives, and of
// these those that wait in none.
func TestMissingAreThoseThatTheOthersWaitFor(t *testing.T) {
	r := NewRoom(Options{World: 4})
	for _, test := range []struct {
		states []State
		want   []int
	}{
		{[]State{{Collectives: 7, Waiting: true}, {Collectives: 6}, {Collectives: 7, Waiting: true}, {Collectives: 7, Waiting: true}}, []int{1}},
		{[]State{{Collectives: 7, Waiting: true}, {Collectives: 6, Waiting: true}, {Collectives: 6}, {Collectives: 8, Waiting: true}}, []int{2}},
		{[]State{{Collectives: 5}, {Collectives: 6}, {Collectives: 5}, {Collectives: 6}}, []int{0, 2}},
		{[]State{{Waiting: true}, {Waiting: true}, {Waiting: true}, {Waiting: true}}, []int{0, 1, 2, 3}},
		{make([]State, 4), []int{0, 1, 2, 3}},
	} {
		for rank, s := range test.states {
			r.seats[rank].state = s
		}
		if got := r.missing([]int{0, 1, 2, 3}); !slices.Equal(got, test.want) {
			t.Errorf("%+v: %v, want %v", test.states, got, test.want)
		}
	}
}

// In an evaluation the others have gone on, but rank 0, who gathers.
func TestARankThatHangsInAnEvaluationIsNamed(t *testing.T) {
	watched(t, Limits{Evaluate: time.Minute}, func(t *testing.T, r *Room) {
		zero, one := enter(t, r, 0), enter(t, r, 1)
		zero.Report(State{Phase: PhaseEvaluate, Epoch: 1, Step: 3, Doing: "gather", Collectives: 4, Waiting: true})
		one.Report(State{Phase: PhaseEvaluate, Epoch: 1, Step: 3, Doing: "inferring", Collectives: 3})
		<-zero.Stopped()
		const want = "rank 1, evaluate, epoch 1, step 3: hangs: 1m0s in this phase, inferring; 1 of the others wait in gather"
		if cause := r.Cause(); cause.Error() != want {
			t.Errorf("cause %v", cause)
		}
		zero.Fail("stopped", true)
		one.Fail("stopped", true)
	})
}

// All stand where they wait for each other: nobody is blamed alone.
func TestNoRankIsBlamedIfAllStand(t *testing.T) {
	watched(t, Limits{Hang: 10 * time.Second, Prepare: time.Minute}, func(t *testing.T, r *Room) {
		zero, one := enter(t, r, 0), enter(t, r, 1)
		for step := range int64(2) {
			zero.Report(State{Phase: PhaseTrain, Epoch: 1, Step: step})
			one.Report(State{Phase: PhaseTrain, Epoch: 1, Step: step})
			time.Sleep(time.Second)
		}
		<-zero.Stopped()
		if cause := r.Cause(); cause.Rank != -1 || !strings.HasPrefix(cause.Error(), "all 2 ranks, train, epoch 1, step 1: hangs: no step for 10.") {
			t.Errorf("cause %v", cause)
		}
		zero.Fail("stopped", true)
		one.Fail("stopped", true)
	})
}

// A launcher whose own clock is late for want of processors gives the workers that time, and no more.
func TestAStarvedLauncherGivesTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRoom(Options{World: 1, Limits: Limits{Silence: 4 * time.Second}})
		m := enter(t, r, 0)
		synctest.Wait() // for its first heartbeat
		now := time.Now()
		for range 6 {
			now = now.Add(900 * time.Millisecond)
			r.check(now)
		}
		if cause := r.Cause(); cause != nil {
			t.Errorf("cause %v", cause)
		}
		for range 12 { // on time again: 1.5 s of silence become 4.5
			now = now.Add(watchInterval)
			r.check(now)
		}
		if cause := r.Cause(); cause == nil || !strings.Contains(cause.Text, "no sign of life for 4s") {
			t.Errorf("cause %v", cause)
		}
		m.Fail("stopped", true)
	})
}

// If the launcher itself stood still, as with SIGSTOP, no worker has been silent.
func TestAPauseOfTheLauncherAccusesNobody(t *testing.T) {
	r := NewRoom(Options{World: 1, Limits: Limits{Join: time.Second, Silence: time.Second, Hang: time.Second, Prepare: time.Second}})
	m := enter(t, r, 0)
	now := time.Now()
	r.check(now.Add(time.Hour))
	if cause := r.Cause(); cause != nil {
		t.Errorf("cause %v", cause)
	}
	for i := range 10 {
		r.check(now.Add(time.Hour + time.Duration(i)*watchInterval))
	}
	if cause := r.Cause(); cause == nil || !strings.Contains(cause.Text, "no sign of life for 1s") {
		t.Errorf("cause %v", cause)
	}
	m.Fail("stopped", true)
}
