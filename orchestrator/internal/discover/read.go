// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"context"
	"fmt"
)

// Options say what to read.
type Options struct {
	Root string // of the file system; "" = /
	// Ask asks for the GPUs; nil = without. Probe asks NVML.
	Ask func(context.Context) GPUs
	// LookupEnv finds CUDA_VISIBLE_DEVICES; nil = no variable is set.
	LookupEnv func(string) (string, bool)
}

// Read takes the inventory. It has no error: what cannot be read is a problem of the inventory, and the
// rest is still there. It is safe to call from many goroutines.
func Read(ctx context.Context, o Options) *Inventory {
	if o.Root == "" {
		o.Root = "/"
	}
	r := &reader{tree: tree{o.Root}, inventory: &Inventory{GPUs: []GPU{}, Problems: []string{}}}
	in := r.inventory
	total := memoryOf(r.tree.word("proc/meminfo"))
	if total == 0 {
		r.problem("memory: /proc/meminfo tells no MemTotal")
	}
	in.Host = r.readHost()
	in.Processors = r.readProcessors()
	in.Nodes = r.readNodes(&in.Processors, total)
	in.Limits = r.readLimits(in.Processors, in.Nodes, total)
	networks, places := r.readNetworks()
	in.Networks = networks
	r.readGPUs(ctx, o, places)
	return in
}

type reader struct {
	tree      tree
	inventory *Inventory
}

func (r *reader) problem(format string, args ...any) {
	r.inventory.Problems = append(r.inventory.Problems, fmt.Sprintf(format, args...))
}
