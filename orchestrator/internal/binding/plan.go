// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"fmt"
	"strings"

	"mlperf-ssd/orchestrator/internal/discover"
)

// Plan gives each of ranks local ranks its part of the host. Only processors and memory nodes that this
// process may use are given. Where the host has SMT siblings in other places than section 16's
// arithmetic expects, its own topology decides. Errors: no rank, more ranks than GPUs, an unknown mode,
// a file that is missing or does not fit the host.
func Plan(host *discover.Inventory, ranks int, o Options) (Layout, error) {
	if ranks < 1 {
		return Layout{}, fmt.Errorf("binding: plan: %d ranks", ranks)
	}
	if o.GPUs && len(host.GPUs) == 0 {
		return Layout{}, fmt.Errorf("binding: plan: no GPU: %s", host.Driver.Missing)
	}
	if o.GPUs && ranks > len(host.GPUs) {
		return Layout{}, fmt.Errorf("binding: plan: %d ranks, but %d GPUs: a rank has one of its own", ranks, len(host.GPUs))
	}
	p := &planner{host: host, ranks: ranks, options: o, cores: allowedCores(host), layout: Layout{Warnings: []string{}}}
	if len(p.cores) == 0 {
		return Layout{}, fmt.Errorf("binding: plan: no processor that this process may use is online (allowed: %q)", host.Limits.CPUs)
	}
	for local := range ranks {
		rank := Rank{Local: local, Device: -1}
		if o.GPUs {
			rank.Device, rank.UUID = local, host.GPUs[local].UUID
		}
		p.layout.Ranks = append(p.layout.Ranks, rank)
	}
	for _, step := range []func() error{p.placeCPUs, p.placeMemory, p.placeNetworks} {
		if err := step(); err != nil {
			return Layout{}, fmt.Errorf("binding: plan: %w", err)
		}
	}
	return p.layout, nil
}

type planner struct {
	host    *discover.Inventory
	ranks   int
	options Options
	cores   []core
	layout  Layout
}

func (p *planner) warn(format string, args ...any) {
	p.layout.Warnings = append(p.layout.Warnings, fmt.Sprintf(format, args...))
}

func (p *planner) placeCPUs() error {
	switch mode := p.options.CPU; mode {
	case Off:
		return nil
	case "", Node, Near, Exclusive, NearExclusive, ExclusiveNoSMT, NearExclusiveNoSMT:
		for i := range p.layout.Ranks {
			rank := &p.layout.Ranks[i]
			if rank.Device < 0 {
				rank.CPUs = p.share(i)
			} else {
				rank.CPUs = p.gpuCPUs(i)
			}
			if strings.HasSuffix(mode, ",nosmt") {
				rank.CPUs = p.firstThreads(rank.CPUs)
			}
		}
		p.warnAboutCPUs()
		return nil
	default:
		return p.fromFile(mode, processors(), p.host.Limits.CPUs, func(r *Rank, set discover.CPUSet) { r.CPUs = set })
	}
}

// gpuCPUs is section 16's choice for a rank with a GPU.
func (p *planner) gpuCPUs(local int) discover.CPUSet {
	node := p.nodeOf(local)
	here := p.coresOf(node)
	if len(here) == 0 {
		p.warn("rank %d: this process may use no processor of NUMA node %d: it shares the others", local, node)
		return p.share(local)
	}
	if !strings.Contains(p.options.CPU, Exclusive) {
		return union(here)
	}
	before, beside := p.besides(node, local)
	each := len(here) / beside
	if each == 0 {
		p.warn("rank %d: %d cores for %d GPUs on NUMA node %d: not exclusive", local, len(here), beside, node)
		return union(here)
	}
	return union(here[before*each : (before+1)*each])
}

// nodeOf is the NUMA node of a rank with a GPU. Section 16's divisions are this one where they have an
// answer; they name a node that is not there if GPUs > NUMA nodes and do not divide.
func (p *planner) nodeOf(local int) int {
	if gpu := p.host.GPUs[local]; strings.HasPrefix(p.options.CPU, Near) && gpu.Node >= 0 {
		return gpu.Node
	}
	nodes := p.cpuNodes()
	gpus := len(p.host.GPUs)
	return nodes[local*min(len(nodes), gpus)/gpus]
}

// besides are how many ranks are on a node when every GPU has one, and how many of them before this.
func (p *planner) besides(node, local int) (before, count int) {
	for other := range p.host.GPUs {
		if p.nodeOf(other) != node {
			continue
		}
		if other < local {
			before++
		}
		count++
	}
	return before, count
}

// cpuNodes are the NUMA nodes that have processors, allowed or not.
func (p *planner) cpuNodes() []int {
	var nodes []int
	for _, n := range p.host.Nodes {
		if len(n.CPUs) > 0 {
			nodes = append(nodes, n.ID)
		}
	}
	return nodes
}

// nodesOf are the NUMA nodes of these processors.
func (p *planner) nodesOf(cpus discover.CPUSet) discover.CPUSet {
	var nodes []int
	for _, cpu := range p.host.Processors.CPUs {
		if cpus.Contains(cpu.ID) {
			nodes = append(nodes, cpu.Node)
		}
	}
	return discover.NewCPUSet(nodes...)
}

func (p *planner) warnAboutCPUs() {
	if threads := len(union(p.cores)); !p.options.GPUs && p.ranks > threads {
		p.warn("%d ranks share %d processors", p.ranks, threads)
	}
	var far []string
	for _, r := range p.layout.Ranks {
		nodes := p.nodesOf(r.CPUs)
		switch {
		case r.Device >= 0 && p.host.GPUs[r.Device].Node >= 0 && len(nodes) > 0 && !nodes.Contains(p.host.GPUs[r.Device].Node):
			far = append(far, fmt.Sprintf("%d on node %v, GPU on %d", r.Local, nodes, p.host.GPUs[r.Device].Node))
		case r.Device < 0 && len(nodes) > 1 && p.ranks >= len(p.cpuNodes()):
			p.warn("rank %d spans NUMA nodes %v: a multiple of %d ranks would not", r.Local, nodes, len(p.cpuNodes()))
		}
	}
	if len(far) > 0 {
		p.warn("ranks away from their GPUs (%s): mode near follows the GPUs", strings.Join(far, "; "))
	}
}
