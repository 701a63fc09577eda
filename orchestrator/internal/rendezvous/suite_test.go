// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package rendezvous

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// meeting is a room and a way into it.
type meeting struct {
	room  *Room
	enter func(Request) (Member, error)
}

func direction(o Options) (meeting, func(), error) {
	room := NewRoom(o)
	return meeting{room, func(q Request) (Member, error) {
		if q.Token == "" {
			q.Token = o.Token
		}
		return Enter(room, q)
	}}, func() {}, nil
}

func network(o Options) (meeting, func(), error) {
	room := NewRoom(o)
	server, err := Serve(room, "127.0.0.1", "127.0.0.1")
	if err != nil {
		return meeting{}, nil, err
	}
	return meeting{room, func(q Request) (Member, error) {
		access := server.Access()
		if q.Token != "" {
			access.Token = q.Token
		}
		return Dial(context.Background(), access, q)
	}}, server.Close, nil
}

// suite runs a test with every way into a room.
func suite(t *testing.T, o Options, test func(*testing.T, meeting)) {
	for name, open := range map[string]func(Options) (meeting, func(), error){"direct": direction, "network": network} {
		t.Run(name, func(t *testing.T) {
			o := o
			o.Token, o.Build, o.Configuration = "secret", "b1", "c1"
			m, done, err := open(o)
			if err != nil {
				t.Fatal(err)
			}
			defer done()
			test(t, m)
		})
	}
}

func request(rank int) Request {
	return Request{Build: "b1", Configuration: "c1", Info: Info{Rank: rank, Host: fmt.Sprintf("n%d", rank/2), Node: rank / 2, PID: 100 + rank}}
}

// all lets every rank enter and run f, and gives their errors by rank.
func (m meeting) all(t *testing.T, f func(rank int, member Member) error) []error {
	t.Helper()
	errs := make([]error, m.room.World)
	var ranks sync.WaitGroup
	for rank := range errs {
		ranks.Go(func() {
			member, err := m.enter(request(rank))
			if err == nil {
				err = member.Barrier(t.Context(), "all are here")
			}
			if err == nil {
				err = f(rank, member)
			}
			errs[rank] = err
		})
	}
	ranks.Wait()
	return errs
}

func TestRanksMeetAndExchange(t *testing.T) {
	suite(t, Options{World: 4, Job: []byte("job")}, func(t *testing.T, m meeting) {
		errs := m.all(t, func(rank int, member Member) error {
			defer func() { _ = member.Leave(t.Context()) }()
			if member.World() != 4 || string(member.Job()) != "job" {
				return fmt.Errorf("world %d, job %q", member.World(), member.Job())
			}
			for round := range 3 {
				values, err := member.Gather(t.Context(), fmt.Sprint("addresses", round), []byte{byte(rank), byte(round)})
				if err != nil {
					return err
				}
				if want := []byte{0, byte(round), 1, byte(round), 2, byte(round), 3, byte(round)}; !bytes.Equal(bytes.Join(values, nil), want) {
					return fmt.Errorf("gathered %v", values)
				}
				if err := member.Barrier(t.Context(), fmt.Sprint("b", round)); err != nil {
					return err
				}
				value, err := member.Broadcast(t.Context(), fmt.Sprint("stop", round), []byte{byte(10*rank + round)})
				if err != nil || !bytes.Equal(value, []byte{byte(round)}) {
					return fmt.Errorf("broadcast gave %v: %w", value, err)
				}
			}
			return nil
		})
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
		if table := m.room.Table(); len(table) != 4 || table[3].Host != "n1" || table[3].PID != 103 {
			t.Errorf("table %v", table)
		}
		if cause := m.room.Cause(); cause != nil {
			t.Errorf("a failure: %v", cause)
		}
	})
}

func TestJoinIsRefusedByName(t *testing.T) {
	suite(t, Options{World: 2}, func(t *testing.T, m meeting) {
		first, err := m.enter(request(0))
		if err != nil {
			t.Fatal(err)
		}
		for want, change := range map[string]func(*Request){
			"the token of rank 1 on n0":                     func(q *Request) { q.Token = "guess" },
			"of build b2, the launcher of b1":               func(q *Request) { q.Build = "b2" },
			"has configuration c2, this run has c1":         func(q *Request) { q.Configuration = "c2" },
			"no rank 2 among 2":                             func(q *Request) { q.Info.Rank = 2 },
			"no rank -1 among 2":                            func(q *Request) { q.Info.Rank = -1 },
			"rank 0 is taken by pid 100 on n0: pid 101 on ": func(q *Request) { q.Info.Rank = 0 },
		} {
			q := request(1)
			change(&q)
			_, err := m.enter(q)
			var refused *RefusedError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		}
		q := request(1)
		q.Configuration = "" // takes what it is told
		second, err := m.enter(q)
		if err != nil {
			t.Fatal(err)
		}
		for _, member := range []Member{first, second} {
			if err := member.Leave(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if cause := m.room.Cause(); cause != nil {
			t.Errorf("a failure: %v", cause)
		}
	})
}

func TestFailureStopsAllAndIsNamed(t *testing.T) {
	suite(t, Options{World: 4}, func(t *testing.T, m meeting) {
		errs := m.all(t, func(rank int, member Member) error {
			member.Report(State{Phase: PhaseTrain, Epoch: 2, Step: 41})
			if rank == 3 {
				member.Fail("7.jpg: truncated", false)
				return nil
			}
			err := member.Barrier(t.Context(), "never")
			<-member.Stopped()
			member.Fail("all-reduce: connection reset", true)
			return errors.Join(err, member.Reason())
		})
		want := "rank 3 on n1 (node 1), train, epoch 2, step 41: 7.jpg: truncated"
		if cause := m.room.Cause(); cause == nil || cause.Error() != want {
			t.Errorf("cause %v", cause)
		}
		for rank, err := range errs[:3] {
			var stopped *StoppedError
			if !errors.As(err, &stopped) || strings.Count(err.Error(), "stopped: "+want) != 2 {
				t.Errorf("rank %d: %v", rank, err)
			}
		}
		var stopped *StoppedError
		if _, err := m.enter(request(3)); !errors.As(err, &stopped) {
			t.Errorf("joined a run that is over: %v", err)
		}
	})
}

// The cause is found although the effects of it are heard first.
func TestCauseBeatsItsEffects(t *testing.T) {
	suite(t, Options{World: 3}, func(t *testing.T, m meeting) {
		m.all(t, func(rank int, member Member) error {
			if rank == 0 {
				member.Fail("all-reduce: rank 1 is gone", true)
				return nil
			}
			<-member.Stopped()
			if rank == 1 {
				kill(member)
			}
			member.Fail("stopped", true)
			return nil
		})
		for m.room.Cause().Text != "its connection ended" { // the network takes its time
			runtime.Gosched()
		}
		if cause := m.room.Cause(); cause.Rank != 1 {
			t.Errorf("cause %v", cause)
		}
		m.room.Fail(1, Own, "killed")
		if cause := m.room.Cause(); cause.Text != "killed" {
			t.Errorf("cause %v", cause)
		}
	})
}

// kill ends a member without a word.
func kill(m Member) {
	mute(m)
	switch l := m.(*member).link.(type) {
	case *wire:
		l.hangUp()
		<-l.heard
		_ = l.connection.Close()
	default:
		l.close()
	}
}

// mute stops the heartbeats of a member and nothing else.
func mute(m Member) {
	m.(*member).finish(Beat{})
}

func TestNotesComeInOrderAndWhole(t *testing.T) {
	got := map[int][]string{}
	note := func(rank int, note []byte) { got[rank] = append(got[rank], string(note)) }
	suite(t, Options{World: 2, Note: note}, func(t *testing.T, m meeting) {
		clear(got)
		m.all(t, func(rank int, member Member) error {
			for i := range 50 {
				member.Note([]byte(fmt.Sprint(i)))
			}
			return member.Leave(t.Context())
		})
		for rank := range 2 {
			for i := range 50 {
				if len(got[rank]) != 50 || got[rank][i] != fmt.Sprint(i) {
					t.Fatalf("rank %d: %v", rank, got[rank])
				}
			}
		}
	})
}

func TestNamesAreUsedOnce(t *testing.T) {
	suite(t, Options{World: 1}, func(t *testing.T, m meeting) {
		m.all(t, func(_ int, member Member) error {
			if err := member.Barrier(t.Context(), "a"); err != nil {
				t.Error(err)
			}
			if err := member.Barrier(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), `the name "a" has been used`) {
				t.Errorf("used twice: %v", err)
			}
			return member.Leave(t.Context())
		})
	})
}

// A rank that has left cannot be awaited.
func TestLeavingTheOthersInTheLurchIsAFailure(t *testing.T) {
	suite(t, Options{World: 2}, func(t *testing.T, m meeting) {
		m.all(t, func(rank int, member Member) error {
			if rank == 1 {
				return member.Leave(t.Context())
			}
			var stopped *StoppedError
			if err := member.Barrier(t.Context(), "end"); !errors.As(err, &stopped) || !strings.Contains(err.Error(), `left while others wait for it in "end"`) {
				t.Errorf("barrier: %v", err)
			}
			member.Fail("stopped", true)
			return nil
		})
	})
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	suite(t, Options{World: 2}, func(t *testing.T, m meeting) {
		member, err := m.enter(request(0))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		if _, err := member.Gather(ctx, "x", nil); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if err := member.Leave(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
