// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package crew

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/build"
	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/health"
	"mlperf-ssd/orchestrator/internal/job"
	"mlperf-ssd/orchestrator/internal/rendezvous"
	"mlperf-ssd/orchestrator/internal/supervise"
)

// threads is a Starter whose ranks are goroutines that join over the network.
type threads struct {
	ranks int
	work  func(rank int, m rendezvous.Member) error
	ended map[int]error // ranks that end so instead of joining
}

func (t threads) Host() string { return "127.0.0.1" }

func (t threads) Run(ctx context.Context, w Workers) error {
	errs := make([]error, t.ranks)
	var all sync.WaitGroup
	for rank := range t.ranks {
		if err := t.ended[rank]; err != nil {
			w.Ended(rank, err)
			continue
		}
		all.Go(func() { errs[rank] = t.rank(ctx, rank, w.Input) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (t threads) rank(ctx context.Context, rank int, input []byte) error {
	var access rendezvous.Access
	if err := json.Unmarshal(input, &access); err != nil {
		return err
	}
	id, err := build.ID("test")
	if err != nil {
		return err
	}
	info := rendezvous.Info{Rank: rank, Host: fmt.Sprintf("host%d", rank), Node: rank}
	m, err := rendezvous.Dial(ctx, access, rendezvous.Request{Build: id, Configuration: access.Configuration, Info: info})
	if err != nil {
		return err
	}
	if err := t.work(rank, m); err != nil {
		m.Fail(err.Error(), m.Reason() != nil)
		return err
	}
	return m.Leave(ctx)
}

func newCrew(t *testing.T, s threads) Crew {
	t.Helper()
	c, err := config.Load(config.Source{Sets: []string{fmt.Sprintf("cluster.gpus_per_node=%d", s.ranks)}})
	if err != nil {
		t.Fatal(err)
	}
	return Crew{Starter: s, Job: job.Job{Config: c, Seed: 7}, Version: "test", Logger: zap.NewNop()}
}

func TestEveryRankGetsTheJobAndIsHeard(t *testing.T) {
	c := newCrew(t, threads{ranks: 3, work: func(rank int, m rendezvous.Member) error {
		var j job.Job
		if err := json.Unmarshal(m.Job(), &j); err != nil {
			return err
		}
		m.Note(fmt.Appendf(nil, "rank %d, seed %d", rank, j.Seed))
		return m.Barrier(context.Background(), "end")
	}})
	var heard []string
	c.Note = func(_ int, note []byte) { heard = append(heard, string(note)) }
	room, err := c.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(heard)
	if want := []string{"rank 0, seed 7", "rank 1, seed 7", "rank 2, seed 7"}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
	if hosts := room.Table(); len(hosts) != 3 || hosts[2].Host != "host2" {
		t.Errorf("the table is %v", hosts)
	}
}

func TestTheFirstFailureIsTheCause(t *testing.T) {
	work := func(rank int, m rendezvous.Member) error {
		if rank == 1 {
			return errors.New("no space left")
		}
		return m.Barrier(context.Background(), "never")
	}
	killed := &supervise.ExitError{Rank: 2, Code: -1, Signal: syscall.SIGKILL}
	for _, test := range []struct {
		starter threads
		rank    int
		want    string
	}{
		{threads{ranks: 3, work: work}, 1, "no space left"},
		{threads{ranks: 3, work: func(_ int, m rendezvous.Member) error { return m.Barrier(context.Background(), "never") },
			ended: map[int]error{2: killed}}, 2, "was killed"},
	} {
		_, err := newCrew(t, test.starter).Run(context.Background())
		var failure *rendezvous.Failure
		if !errors.As(err, &failure) || failure.Rank != test.rank || !strings.Contains(err.Error(), test.want) {
			t.Errorf("the cause is %v, want %q of rank %d", err, test.want, test.rank)
		}
	}
}

func TestAnEndedContextStopsAllRanks(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	c := newCrew(t, threads{ranks: 2, work: func(rank int, m rendezvous.Member) error {
		if rank == 0 {
			cancel()
		}
		<-m.Stopped()
		return m.Reason()
	}})
	_, err := c.Run(ctx)
	var failure *rendezvous.Failure
	if !errors.As(err, &failure) || failure.Rank != -1 || failure.Text != "interrupted" {
		t.Errorf("the cause is %v, want an interruption", err)
	}
}

func TestAllreduceJudgesWhatTheRanksSay(t *testing.T) {
	const slow = 3
	times := func(rank int) []health.Times {
		seconds := 0.001
		if rank == slow {
			seconds = 0.01
		}
		spread := health.Spread{Median: seconds, Min: seconds, Max: seconds, Mean: seconds}
		return []health.Times{{Sum: spread, Additions: spread}}
	}
	say := func(rank int, m rendezvous.Member) error {
		var j job.Job
		if err := json.Unmarshal(m.Job(), &j); err != nil || j.Allreduce == nil {
			return fmt.Errorf("the job is no test: %s (%w)", m.Job(), err)
		}
		text, err := json.Marshal(job.Message{Times: times(rank)})
		m.Note(text)
		return err
	}
	test := job.Allreduce{Bytes: []int64{4096}, Iterations: 3}
	report, err := newCrew(t, threads{ranks: 4, work: say}).Allreduce(context.Background(), test, 2)
	if err != nil {
		t.Fatal(err)
	}
	if found := report.Slow(); len(found) == 0 || !strings.Contains(found[0], "host3") {
		t.Errorf("found slow: %q", found)
	}
	silent := threads{ranks: 2, work: func(rank int, m rendezvous.Member) error {
		if rank == 1 {
			return nil
		}
		return say(rank, m)
	}}
	if _, err := newCrew(t, silent).Allreduce(context.Background(), test, 2); err == nil || !strings.Contains(err.Error(), "rank 1 has ended without") {
		t.Errorf("a silent rank: %v", err)
	}
}

// Two ranks on one GPU are refused before NCCL does it.
func TestRanksThatWouldShareAGPU(t *testing.T) {
	for _, test := range []struct {
		kind  string
		ranks int64
		gpus  int
		want  bool
	}{{"cuda", 2, 1, true}, {"cuda", 2, 2, false}, {"cuda", 2, 0, false}, {"auto", 2, 1, false}, {"cpu", 2, 1, false}} {
		c := config.Defaults()
		c.Device.Kind, c.Cluster.Nodes, c.Cluster.GPUsPerNode = test.kind, 1, test.ranks
		if got := sharing(c, test.gpus); got != test.want {
			t.Errorf("%+v: %t", test, got)
		}
	}
}
