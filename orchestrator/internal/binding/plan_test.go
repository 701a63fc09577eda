// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"fmt"
	"testing"

	"mlperf-ssd/orchestrator/internal/discover"
)

// machine is a host with SMT whose threads are numbered as section 16 expects: first threads of all
// cores, node by node, then second threads.
func machine(sockets, coresPerSocket, nodes, gpus, networks int) *discover.Inventory {
	cores := sockets * coresPerSocket
	host := &discover.Inventory{}
	for id := range 2 * cores {
		core := id % cores
		host.Processors.CPUs = append(host.Processors.CPUs, discover.CPU{
			ID: id, Core: core, Socket: core / coresPerSocket, Node: core * nodes / cores,
		})
		host.Limits.CPUs = append(host.Limits.CPUs, id)
	}
	for id := range nodes {
		node := discover.Node{ID: id}
		for _, cpu := range host.Processors.CPUs {
			if cpu.Node == id {
				node.CPUs = append(node.CPUs, cpu.ID)
			}
		}
		host.Nodes = append(host.Nodes, node)
		host.Limits.Nodes = append(host.Limits.Nodes, id)
	}
	for index := range gpus {
		host.GPUs = append(host.GPUs, discover.GPU{Index: index, UUID: fmt.Sprintf("GPU-%d", index), Node: -1})
	}
	for index := range networks {
		host.Networks = append(host.Networks, discover.Network{Name: fmt.Sprintf("mlx5_%d", index), Kind: discover.InfiniBand, Up: true})
	}
	return host
}

func plan(t *testing.T, host *discover.Inventory, ranks int, o Options) Layout {
	t.Helper()
	layout, err := Plan(host, ranks, o)
	if err != nil {
		t.Fatal(err)
	}
	return layout
}

// TestV13 checks the worked numbers of vectors.md, V13.
func TestV13(t *testing.T) {
	for _, c := range []struct {
		host   *discover.Inventory
		cpu    string
		rank   int
		cpus   string
		memory string
	}{
		{machine(2, 16, 4, 4, 0), Node, 0, "0-7,32-39", "0"},
		{machine(2, 16, 4, 4, 0), Node, 3, "24-31,56-63", "3"},
		{machine(2, 16, 4, 4, 0), Exclusive, 1, "8-15,40-47", "1"},
		{machine(2, 16, 4, 4, 0), ExclusiveNoSMT, 1, "8-15", "1"},
		{machine(2, 64, 8, 8, 0), Exclusive, 3, "48-63,176-191", "3"},
		{machine(2, 24, 2, 8, 0), Node, 5, "24-47,72-95", "1"},
		{machine(2, 24, 2, 8, 0), Exclusive, 5, "30-35,78-83", "1"},
		{machine(2, 24, 2, 8, 0), ExclusiveNoSMT, 5, "30-35", "1"},
		{machine(2, 16, 4, 2, 0), Node, 1, "8-15,40-47", "1"},
		{machine(2, 16, 4, 2, 0), Exclusive, 1, "8-15,40-47", "1"},
	} {
		layout := plan(t, c.host, len(c.host.GPUs), Options{CPU: c.cpu, GPUs: true})
		rank := layout.Ranks[c.rank]
		if rank.CPUs.String() != c.cpus || rank.Memory.String() != c.memory || rank.Device != c.rank || rank.UUID != fmt.Sprintf("GPU-%d", c.rank) {
			t.Errorf("%d GPUs, %d nodes, %s, rank %d: CPUs %v, memory %v, device %d; want %s, %s",
				len(c.host.GPUs), len(c.host.Nodes), c.cpu, c.rank, rank.CPUs, rank.Memory, rank.Device, c.cpus, c.memory)
		}
		if len(layout.Warnings) > 0 {
			t.Errorf("%s, rank %d: warnings %q", c.cpu, c.rank, layout.Warnings)
		}
	}
}

func TestV13Networks(t *testing.T) {
	for devices, want := range map[int][]string{
		8: {"mlx5_0", "mlx5_2", "mlx5_4", "mlx5_6"},
		1: {"mlx5_0", "mlx5_0", "mlx5_0", "mlx5_0"},
	} {
		layout := plan(t, machine(2, 16, 4, 4, devices), 4, Options{Network: Single, GPUs: true})
		for r, rank := range layout.Ranks {
			if rank.Network != want[r] {
				t.Errorf("%d devices, rank %d: %s, want %s", devices, r, rank.Network, want[r])
			}
		}
	}
}
