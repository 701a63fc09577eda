// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/engine"
	"mlperf-ssd/orchestrator/internal/rendezvous"
	"mlperf-ssd/proto/ssdpb"
)

// ended is how a rank of a test ended.
type ended struct {
	outcome Outcome
	log     string
	err     error
}

// runRanks runs a rank for each engine, in one room, as the worker verb does.
func runRanks(t *testing.T, engines []*scripted, sets ...string) (*rendezvous.Room, []ended) {
	t.Helper()
	c, err := config.Load(config.Source{Sets: append([]string{fmt.Sprintf("cluster.gpus_per_node=%d", len(engines)),
		"run.epochs=4", "eval.interval=2", "data.train_samples=30", "model.batch_size=4"}, sets...)})
	if err != nil {
		t.Fatal(err)
	}
	room := rendezvous.NewRoom(rendezvous.Options{World: len(engines)})
	ends := make([]ended, len(engines))
	var ranks sync.WaitGroup
	for rank, s := range engines {
		ranks.Go(func() {
			member, err := rendezvous.Enter(room, rendezvous.Request{Info: rendezvous.Info{Rank: rank}})
			if err != nil {
				ends[rank].err = err
				return
			}
			var log bytes.Buffer
			outcome, err := Run(context.Background(), Options{
				Config: c, Seed: 5, Rank: rank, Member: member, LogDir: t.TempDir(), MLLog: &log, Logger: zap.NewNop(),
				Open:     func(*ssdpb.EngineConfig) (engine.Engine, error) { return newLocked(s), nil },
				Progress: func(Progress) {}, Clear: func() error { return nil },
			})
			var stopped *rendezvous.StoppedError
			if err != nil {
				member.Fail(err.Error(), errors.As(err, &stopped))
			} else {
				err = member.Leave(context.Background())
			}
			ends[rank] = ended{outcome, log.String(), err}
		})
	}
	ranks.Wait()
	return room, ends
}

func TestAllRanksStopAtTheSameStep(t *testing.T) {
	engines := []*scripted{{accuracy: []float64{0.25, 0}, late: true}, {accuracy: []float64{0, 0}}, {accuracy: []float64{0, 0}}}
	room, ends := runRanks(t, engines)
	for rank, e := range ends {
		// The score of epoch 2 is there at the end of epoch 3, on rank 0 alone.
		if e.err != nil || e.outcome.Status != "success" || e.outcome.Epochs != 3 || e.outcome.Steps != ends[0].outcome.Steps {
			t.Errorf("rank %d: %+v %v", rank, e.outcome, e.err)
		}
		want := fmt.Sprintf("%d of 3: [address 0 address 1 address 2]", rank)
		if engines[rank].met != want {
			t.Errorf("rank %d met %s, want %s", rank, engines[rank].met, want)
		}
	}
	if got := keys(ends[0].log); got[len(got)-1] != "run_stop" || !slices.Contains(got, "eval_accuracy") {
		t.Errorf("log %v", got)
	}
	if cause := room.Cause(); cause != nil {
		t.Error(cause)
	}
}

func TestOnlyRankZeroSaves(t *testing.T) {
	engines := []*scripted{{accuracy: []float64{0, 0}}, {accuracy: []float64{0, 0}}}
	if _, ends := runRanks(t, engines, "run.checkpoint_every=1"); ends[0].err != nil || ends[1].err != nil {
		t.Fatal(ends[0].err, ends[1].err)
	}
	if !slices.Contains(engines[0].calls, "save") || slices.Contains(engines[1].calls, "save") {
		t.Errorf("calls %v and %v", engines[0].calls, engines[1].calls)
	}
}

func TestOneRankFailsAllEnd(t *testing.T) {
	for _, test := range []struct {
		name   string
		broken scripted
		want   string
	}{
		{"training", scripted{accuracy: []float64{0, 0}, failAt: 5}, "rank 1, train, epoch 2"},
		{"preparing", scripted{failPrep: true}, "rank 1, prepare: prepare: w.safetensors: cannot open"},
	} {
		t.Run(test.name, func(t *testing.T) {
			room, ends := runRanks(t, []*scripted{{accuracy: []float64{0, 0}}, &test.broken, {accuracy: []float64{0, 0}}})
			if cause := room.Cause(); cause == nil || !strings.HasPrefix(cause.Error(), test.want) {
				t.Errorf("cause %v", cause)
			}
			for _, rank := range []int{0, 2} {
				var stopped *rendezvous.StoppedError
				if !errors.As(ends[rank].err, &stopped) || !strings.Contains(stopped.Reason, "rank 1") || ends[rank].outcome.Status != "aborted" {
					t.Errorf("rank %d: %v", rank, ends[rank].err)
				}
			}
			if log := ends[0].log; strings.Contains(log, "run_start") != strings.Contains(log, `"status": "aborted"`) {
				t.Error("the log is not closed as aborted")
			}
		})
	}
}
