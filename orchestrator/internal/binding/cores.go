// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"slices"

	"mlperf-ssd/orchestrator/internal/discover"
)

// core is the part of a physical core that this process may use.
type core struct {
	node int
	cpus discover.CPUSet // SMT siblings
}

// allowedCores are in the order in which they are given away: node by node.
func allowedCores(host *discover.Inventory) []core {
	siblings := map[int]*core{}
	var order []int
	for _, cpu := range host.Processors.CPUs {
		if !host.Limits.CPUs.Contains(cpu.ID) {
			continue
		}
		if siblings[cpu.Core] == nil {
			siblings[cpu.Core] = &core{node: cpu.Node}
			order = append(order, cpu.Core)
		}
		siblings[cpu.Core].cpus = append(siblings[cpu.Core].cpus, cpu.ID)
	}
	cores := make([]core, 0, len(order))
	for _, id := range order {
		cores = append(cores, *siblings[id])
	}
	slices.SortStableFunc(cores, func(a, b core) int { return a.node - b.node })
	return cores
}

func (p *planner) coresOf(node int) []core {
	return slices.DeleteFunc(slices.Clone(p.cores), func(c core) bool { return c.node != node })
}

// share is a rank's part of all that may be used: whole cores, node by node; single threads if the
// cores are too few; one thread for several ranks if those are.
func (p *planner) share(local int) discover.CPUSet {
	if len(p.cores) >= p.ranks {
		return union(p.cores[local*len(p.cores)/p.ranks : (local+1)*len(p.cores)/p.ranks])
	}
	var threads []int
	for _, c := range p.cores {
		threads = append(threads, c.cpus...)
	}
	first := local * len(threads) / p.ranks
	return discover.NewCPUSet(threads[first:max(first+1, (local+1)*len(threads)/p.ranks)]...)
}

func (p *planner) firstThreads(cpus discover.CPUSet) discover.CPUSet {
	first := discover.CPUSet{}
	for _, c := range p.cores {
		if here := c.cpus.Intersect(cpus); len(here) > 0 {
			first = append(first, here[0])
		}
	}
	return discover.NewCPUSet(first...)
}

func union(cores []core) discover.CPUSet {
	var all []int
	for _, c := range cores {
		all = append(all, c.cpus...)
	}
	return discover.NewCPUSet(all...)
}
