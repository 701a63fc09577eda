// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package crew

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"

	"go.uber.org/zap"

	"mlperf-ssd/orchestrator/internal/binding"
	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/discover"
	"mlperf-ssd/orchestrator/internal/supervise"
)

// Binding is what a configuration says of it; the zero value if that is the default.
func Binding(c *config.Config) binding.Options {
	o := binding.Options{CPU: c.Cluster.BindCPU, Memory: c.Cluster.BindMemory, Network: c.Cluster.BindNetwork}
	if o == (binding.Options{CPU: binding.Node, Memory: binding.Node, Network: binding.Off}) {
		return binding.Options{}
	}
	return o
}

// Local starts workers on this host, each bound to its part of it.
type Local struct {
	ranks   int
	binding []binding.Rank // by rank; empty = not bound: the ranks divide the processors
}

// NewLocal plans the ranks of this host. Where it cannot be planned they run unbound, unless the
// configuration wants a binding of its own.
func NewLocal(ctx context.Context, c *config.Config, logger *zap.Logger) (*Local, error) {
	s := &Local{ranks: int(c.Ranks())}
	host := discover.Here(ctx, "")
	gpus := c.Device.Kind == "cuda" || c.Device.Kind == "auto" && len(host.GPUs) > 0
	options := Binding(c)
	options.GPUs = gpus
	plan, err := binding.Plan(host, s.ranks, options)
	switch {
	case err != nil && (Binding(c) != (binding.Options{}) || sharing(c, len(host.GPUs))):
		return nil, err
	case err != nil:
		logger.Warn("ranks run unbound", zap.Error(err))
		return s, nil
	}
	for _, warning := range plan.Warnings {
		logger.Warn(warning)
	}
	s.binding = plan.Ranks
	return s, nil
}

// sharing is whether ranks that must have a GPU would have one together with others, which NCCL refuses
// without saying so.
func sharing(c *config.Config, gpus int) bool {
	return c.Device.Kind == "cuda" && gpus > 0 && int(c.Ranks()) > gpus
}

// Host is the loopback.
func (s *Local) Host() string { return "127.0.0.1" }

// Run starts a child a rank.
func (s *Local) Run(ctx context.Context, w Workers) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("launch: %w", err)
	}
	errs := make([]error, s.ranks)
	var children sync.WaitGroup
	for rank := range s.ranks {
		children.Go(func() {
			errs[rank] = supervise.Run(ctx, s.child(self, rank, w))
			if errs[rank] != nil {
				w.Ended(rank, errs[rank])
			}
		})
	}
	children.Wait()
	return errors.Join(errs...)
}

func (s *Local) child(self string, rank int, w Workers) supervise.Child {
	number := strconv.Itoa(rank)
	c := supervise.Child{
		Rank:   rank,
		Path:   self,
		Args:   append(w.Args[:len(w.Args):len(w.Args)], "--rank="+number, "--local-rank="+number, "--node=0"),
		Input:  w.Input,
		Grace:  w.Grace,
		Stdout: io.Discard,
		Stderr: w.Stderr,
	}
	if rank == 0 {
		c.Stdout = w.Stdout
	}
	if len(s.binding) == 0 {
		c.Args = append(c.Args, "--share="+strconv.Itoa(s.ranks))
		return c
	}
	b := s.binding[rank]
	c.Env = b.Environment(os.LookupEnv)
	c.Args = b.Args(self, c.Args...)
	return c
}
