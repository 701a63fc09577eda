// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package hosttest

import "fmt"

// GX2460M1 has 2 sockets of 16 cores, 4 NUMA nodes, a GPU and two InfiniBand devices on each: the
// machine of the submission, with twice its network devices.
func GX2460M1() Host {
	h := Host{
		Model: "AMD EPYC 7302 16-Core Processor", Sockets: 2, CoresPerSocket: 16, Threads: 2,
		Nodes: 4, NodeBytes: 128 << 30, MHz: 3300, Product: [2]string{"FUJITSU", "PRIMERGY GX2460M1"},
	}
	for node := range 4 {
		root := fmt.Sprintf("pci0000:%x0/0000:%x0:01.0", node, node)
		h.Cards = append(h.Cards,
			Card{Way: fmt.Sprintf("%s/0000:%x1:00.0", root, node), Node: node, GPU: true},
			Card{Way: fmt.Sprintf("pci0000:%x0/0000:%x0:03.0/0000:%x5:00.0", node, node, node), Node: node, RDMA: fmt.Sprintf("mlx5_%d", 2*node), Gbits: 100},
			Card{Way: fmt.Sprintf("pci0000:%x0/0000:%x0:03.1/0000:%x6:00.0", node, node, node), Node: node, RDMA: fmt.Sprintf("mlx5_%d", 2*node+1), Gbits: 100},
		)
	}
	return h
}

// DGXA100 has 2 sockets of 64 cores, 8 NUMA nodes and 8 GPUs that are attached, two a PCI switch, to
// NUMA nodes 3, 3, 1, 1, 7, 7, 5, 5, each beside an InfiniBand device; and an Ethernet device.
func DGXA100() Host {
	h := Host{
		Model: "AMD EPYC 7742 64-Core Processor", Sockets: 2, CoresPerSocket: 64, Threads: 2,
		Nodes: 8, NodeBytes: 128 << 30, MHz: 2250, Product: [2]string{"NVIDIA", "NVIDIA DGXA100 920-23687"},
	}
	for gpu, bus := range DGXBuses() {
		node := []int{3, 1, 7, 5}[gpu/2]
		above := fmt.Sprintf("pci0000:%02x/0000:%02x:01.1/0000:%02x:00.0", bus&0xf0, bus&0xf0, bus&0xf0+1)
		h.Cards = append(h.Cards,
			Card{Way: fmt.Sprintf("%s/0000:%02x:00.0/0000:%02x:00.0", above, bus&0xf0+2+gpu%2, bus), Node: node, GPU: true},
			Card{Way: fmt.Sprintf("%s/0000:%02x:08.0/0000:%02x:00.0", above, bus&0xf0+2+gpu%2, bus+1), Node: node, RDMA: fmt.Sprintf("mlx5_%d", gpu), Gbits: 200})
	}
	h.Cards = append(h.Cards, Card{Way: "pci0000:e0/0000:e0:03.0/0000:e1:00.0", Node: 4, Ether: "enp225s0f0", Gbits: 100})
	return h
}

// DGXBuses are the PCI bus numbers of DGXA100's GPUs.
func DGXBuses() []int { return []int{0x07, 0x0b, 0x47, 0x4b, 0x87, 0x8b, 0xb7, 0xbb} }

// Laptop has 4 cores with SMT siblings side by side, no NUMA folder and a wireless device.
func Laptop() Host {
	return Host{
		Model: "Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz", Sockets: 1, CoresPerSocket: 4, Threads: 2, Beside: true,
		NodeBytes: 16 << 30, MHz: 3400, Product: [2]string{"LENOVO", "20L6S0"},
		Cards: []Card{{Way: "pci0000:00/0000:00:1c.0/0000:02:00.0", Node: -1, Ether: "wlp2s0"}},
		Files: map[string]string{
			"sys/class/net/wlp2s0/wireless/x":    "1",
			"sys/class/net/wlp2s0/speed":         "-1",
			"sys/class/net/lo/operstate":         "unknown",
			"sys/block/nvme0n1/size":             "1000215216",
			"sys/block/nvme0n1/device/model":     "SSD",
			"sys/block/nvme0n1/queue/rotational": "0",
			"sys/block/loop0/size":               "1024",
			"sys/block/sda/size":                 "30310400",
			"sys/block/sda/removable":            "1",
			"sys/block/sda/device/model":         "stick",
		},
	}
}

// Container is a part of GX2460M1: 12 processors of two NUMA nodes, 4.5 processors' time, 8 GiB.
func Container() Host {
	h := GX2460M1()
	h.Cards = nil
	h.Allowed = "4-9,36-41"
	h.Files = map[string]string{
		"proc/self/cgroup":         "0::/",
		"sys/fs/cgroup/cpu.max":    "450000 100000",
		"sys/fs/cgroup/memory.max": "8589934592",
	}
	return h
}
