// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"strconv"
	"strings"
)

const nodeDir = "sys/devices/system/node"

// readNodes reads the NUMA nodes and tells each processor its own. A kernel without NUMA has one.
func (r *reader) readNodes(p *Processors, total int64) []Node {
	online, err := r.tree.list(nodeDir, "online")
	if err != nil || len(online) == 0 {
		if err != nil && r.tree.exists(nodeDir) {
			r.problem("NUMA: %v: taken as one node", err)
		}
		return []Node{oneNode(p, total)}
	}
	nodes := make([]Node, 0, len(online))
	placed := CPUSet{}
	for _, id := range online {
		dir := nodeDir + "/node" + strconv.Itoa(id)
		cpus, err := r.tree.list(dir, "cpulist")
		if err != nil {
			r.problem("NUMA: node %d: its processors cannot be read: %v", id, err)
		}
		node := Node{ID: id, CPUs: CPUSet{}, Memory: memoryOf(r.tree.word(dir, "meminfo"))}
		for i := range p.CPUs {
			if cpus.Contains(p.CPUs[i].ID) {
				p.CPUs[i].Node = id
				node.CPUs = append(node.CPUs, p.CPUs[i].ID)
			}
		}
		for word := range strings.FieldsSeq(r.tree.word(dir, "distance")) {
			if distance, err := strconv.Atoi(word); err == nil {
				node.Distances = append(node.Distances, distance)
			}
		}
		if len(node.Distances) != len(online) {
			node.Distances = nil
		}
		placed = append(placed, node.CPUs...)
		nodes = append(nodes, node)
	}
	if len(NewCPUSet(placed...)) != len(p.CPUs) {
		r.problem("NUMA: %d of %d processors belong to no node: taken as one node", len(p.CPUs)-len(NewCPUSet(placed...)), len(p.CPUs))
		return []Node{oneNode(p, total)}
	}
	for _, node := range nodes {
		if node.Memory == 0 && len(node.CPUs) > 0 {
			r.problem("NUMA: node %d has processors and no memory", node.ID)
		}
	}
	return nodes
}

func oneNode(p *Processors, total int64) Node {
	node := Node{CPUs: CPUSet{}, Memory: total}
	for i := range p.CPUs {
		p.CPUs[i].Node = 0
		node.CPUs = append(node.CPUs, p.CPUs[i].ID)
	}
	return node
}

// memoryOf reads "Node 0 MemTotal: 16 kB" and "MemTotal: 16 kB" into bytes; 0 if there is none.
func memoryOf(meminfo string) int64 {
	for line := range strings.Lines(meminfo) {
		_, value, found := strings.Cut(line, "MemTotal:")
		if !found {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 52)
		if err != nil || kib < 0 {
			return 0
		}
		return kib << 10
	}
	return 0
}
