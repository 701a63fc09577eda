// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/job"
)

// What cluster.clear_caches may be, beside try.
const (
	cachesRequired = "require"
	cachesOff      = "off"
)

// clearCaches empties the page caches by a function as the configuration wants it: what that refuses is
// an error or a warning.
func (o Options) clearCaches(ctx context.Context, clear func() error) (job.Caches, error) {
	if o.Config.Cluster.ClearCaches == cachesOff {
		return job.CachesKept, nil
	}
	err := clear()
	switch {
	case err == nil:
		return job.CachesCleared, nil
	case o.Config.Cluster.ClearCaches == cachesRequired || ctx.Err() != nil:
		return job.CachesKept, o.uncleared(err)
	default:
		o.Logger.Warn("the trial runs without cleared caches, which the rules want", zap.Error(err))
		return job.CachesKept, nil
	}
}

// uncleared is a refusal where clearing is required.
func (o Options) uncleared(err error) error {
	return fmt.Errorf("caches: %w (%s: cluster.clear_caches = \"try\" goes on without, but the rules want it)", err,
		o.Config.Origin("cluster.clear_caches"))
}

// clearHostCaches empties those of this host.
func (o Options) clearHostCaches(ctx context.Context) (job.Caches, error) {
	return o.clearCaches(ctx, job.DropCaches)
}

// trialCaches leaves them to the ranks of this host, unless that they are cleared is required.
func (o Options) trialCaches(ctx context.Context) (job.Caches, error) {
	if o.Config.Cluster.ClearCaches == "try" {
		return job.CachesDrop, nil
	}
	return o.clearHostCaches(ctx)
}

// checkCaches is an error if this host's caches must be cleared and cannot be.
func (o Options) checkCaches() error {
	if o.Config.Cluster.ClearCaches != cachesRequired {
		return nil
	}
	if err := job.MayDropCaches(); err != nil {
		return o.uncleared(err)
	}
	return nil
}
