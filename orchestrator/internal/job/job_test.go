// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"encoding/json"
	"reflect"
	"testing"

	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/worker"
)

func TestJobArrivesAsItWasSent(t *testing.T) {
	c, err := config.Load(config.Source{Sets: []string{"run.log_dir=/logs", "model.batch_size=5"}})
	if err != nil {
		t.Fatal(err)
	}
	test := NewAllreduce()
	sent := Job{Config: c, Engine: "/lib/e.so", Trial: 2, Seed: 9, Start: worker.Position{Step: 7}, Caches: CachesKept, Allreduce: &test}
	text, err := json.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	var got Job
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Config.Model.BatchSize != 5 || got.LogFile() != "/logs/result_2.txt" {
		t.Errorf("batch %d, log %s", got.Config.Model.BatchSize, got.LogFile())
	}
	got.Config, sent.Config = nil, nil
	if !reflect.DeepEqual(got, sent) {
		t.Errorf("got %+v, want %+v", got, sent)
	}
}

func TestDrawnSeedsAreOf31Bits(t *testing.T) {
	seen := map[int64]bool{}
	for range 1000 {
		var j Job
		if err := j.DrawSeed(); err != nil || j.Seed < 1 || j.Seed >= 1<<31 {
			t.Fatalf("seed %d, %v", j.Seed, err)
		}
		seen[j.Seed] = true
	}
	if len(seen) < 990 { // two equal ones of 1000: once in 4000 runs
		t.Errorf("%d different seeds of 1000", len(seen))
	}
}

func TestCachesThatOthersClear(t *testing.T) {
	for _, test := range []struct {
		caches Caches
		rank   int
		fails  bool
	}{{CachesCleared, 0, false}, {CachesKept, 0, true}, {CachesKept, 1, true}, {CachesDrop, 1, false}} {
		if err := test.caches.Clear(test.rank); (err != nil) != test.fails {
			t.Errorf("%q, rank %d: %v", test.caches, test.rank, err)
		}
	}
}
