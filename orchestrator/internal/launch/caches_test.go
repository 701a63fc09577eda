// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/job"
)

func TestCachesAreClearedAsConfigured(t *testing.T) {
	stopped, stop := context.WithCancel(context.Background())
	stop()
	refused := errors.New("it needs root")
	for _, test := range []struct {
		word  string
		ctx   context.Context
		clear error
		want  job.Caches
		err   string
	}{
		{"require", context.Background(), nil, job.CachesCleared, ""},
		{"require", context.Background(), refused, job.CachesKept, `caches: it needs root (--set: cluster.clear_caches = "try" goes on`},
		{"try", context.Background(), nil, job.CachesCleared, ""},
		{"try", context.Background(), refused, job.CachesKept, ""},
		{"try", stopped, refused, job.CachesKept, "it needs root"},
		{"off", context.Background(), errors.New("called"), job.CachesKept, ""},
	} {
		o := Options{Config: configuration(t, "cluster.clear_caches="+test.word), Logger: zap.NewNop()}
		got, err := o.clearCaches(test.ctx, func() error { return test.clear })
		if got != test.want || err == nil != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s, %v: %q, %v, want %q, %q", test.word, test.clear, got, err, test.want, test.err)
		}
	}
}

// On this host the ranks try; what is required must be possible before anything starts.
func TestHostCaches(t *testing.T) {
	o := Options{Config: configuration(t, "cluster.clear_caches=try"), Logger: zap.NewNop()}
	if got, err := o.trialCaches(context.Background()); got != job.CachesDrop || err != nil || o.checkCaches() != nil {
		t.Errorf("try: %q, %v", got, err)
	}
	o.Config = configuration(t, "cluster.clear_caches=off")
	if got, err := o.trialCaches(context.Background()); got != job.CachesKept || err != nil || o.checkCaches() != nil {
		t.Errorf("off: %q, %v", got, err)
	}
	o.Config = configuration(t, "cluster.clear_caches=require")
	if err := o.checkCaches(); (err == nil) != (job.MayDropCaches() == nil) {
		t.Errorf("require: %v", err)
	}
}
