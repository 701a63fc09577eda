// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"fmt"
	"strings"

	"mlperf-ssd/orchestrator/internal/discover"
)

func (p *planner) placeMemory() error {
	switch mode := p.options.Memory; mode {
	case Off:
		return nil
	case "", Node:
		if len(p.host.Nodes) > 1 { // else there is nothing to choose
			for i := range p.layout.Ranks {
				p.placeMemoryOf(&p.layout.Ranks[i])
			}
		}
		return nil
	default:
		return p.fromFile(mode, memory(), p.host.Limits.Nodes, func(r *Rank, set discover.CPUSet) { r.Memory = set })
	}
}

// placeMemoryOf binds a rank's memory to the nodes of its processors, or if those are not bound to the
// node of its GPU's rank.
func (p *planner) placeMemoryOf(rank *Rank) {
	nodes := p.nodesOf(rank.CPUs)
	if len(nodes) == 0 && rank.Device >= 0 {
		nodes = discover.NewCPUSet(p.nodeOf(rank.Local))
	}
	allowed := nodes.Intersect(p.host.Limits.Nodes)
	switch {
	case len(nodes) == 0:
	case len(allowed) < len(nodes):
		p.warn("rank %d: this process may not use memory of all of NUMA nodes %v: memory is not bound", rank.Local, nodes)
	default:
		rank.Memory = allowed
	}
}

func (p *planner) placeNetworks() error {
	mode := p.options.Network
	if err := checkNetwork(mode); err != nil || mode == "" || mode == Off {
		return err
	}
	var devices []string
	for _, n := range p.host.Networks {
		switch {
		case n.Kind != discover.InfiniBand && n.Kind != discover.RoCE:
		case n.Up:
			devices = append(devices, n.Name)
		default:
			p.warn("network device %s is down: not used", n.Name)
		}
	}
	if len(devices) == 0 {
		p.warn("no InfiniBand or RoCE device is up: the network is not chosen")
		return nil
	}
	parts := p.ranks
	if p.options.GPUs {
		parts = len(p.host.GPUs)
	}
	used := map[string]int{}
	for i := range p.layout.Ranks {
		rank := &p.layout.Ranks[i]
		rank.Network = devices[rank.Local*len(devices)/parts]
		if rank.Device >= 0 && mode == Near {
			rank.Network = nearest(p.host.GPUs[rank.Device], devices, used, rank.Network)
		}
		used[rank.Network]++
	}
	return nil
}

// nearest is the device with the best path to the GPU, of those the least used.
func nearest(gpu discover.GPU, devices []string, used map[string]int, otherwise string) string {
	usable := "," + strings.Join(devices, ",") + ","
	best := discover.Near{Network: otherwise}
	for _, near := range gpu.Near { // nearest first
		if !strings.Contains(usable, ","+near.Network+",") {
			continue
		}
		switch {
		case best.Path == "":
			best = near
		case near.Path == best.Path && near.Hops == best.Hops && used[near.Network] < used[best.Network]:
			best = near
		}
	}
	return best.Network
}

// fromFile takes each rank's set from a file, which must not ask for more than is allowed.
func (p *planner) fromFile(path string, s source, allowed discover.CPUSet, set func(*Rank, discover.CPUSet)) error {
	lists, err := s.lists(path)
	if err != nil {
		return err
	}
	if len(lists) < p.ranks {
		return fmt.Errorf("%s: has lists for %d ranks, %d are to start", path, len(lists), p.ranks)
	}
	for i := range p.layout.Ranks {
		for _, id := range lists[i].Set {
			if !allowed.Contains(id) {
				return fmt.Errorf("%s:%d: rank %d: %s %d is not there or not this process's to use (%v)", path, lists[i].Line, i, s.what, id, allowed)
			}
		}
		set(&p.layout.Ranks[i], lists[i].Set)
	}
	return nil
}
