// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package discover takes the inventory of this host: processors, NUMA nodes, memory, GPUs, network
// devices, and what of them this process may use. It reads files below a root, so that a test can give
// it another machine, and asks NVML in a process of its own, so that a broken driver cannot hurt.
package discover

// Inventory is a host as this process sees it.
type Inventory struct {
	Host       Host       `json:"host"`
	Processors Processors `json:"processors"`
	Nodes      []Node     `json:"numa_nodes"` // ascending by ID; at least one
	Limits     Limits     `json:"limits"`
	Driver     Driver     `json:"driver"`
	GPUs       []GPU      `json:"gpus"`     // by NVML's index
	Networks   []Network  `json:"networks"` // InfiniBand devices, then Ethernet; by name
	Problems   []string   `json:"problems"` // what is missing or looks wrong, a line each
}

// Host is the system around the hardware.
type Host struct {
	Name    string `json:"name"`
	Product string `json:"product,omitempty"` // maker and model of the machine or virtual machine
	OS      string `json:"os"`                // PRETTY_NAME of os-release
	Kernel  string `json:"kernel"`
	Disks   []Disk `json:"disks"`
}

// Disk is a disk that is not removable.
type Disk struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"` // NVMe SSD, SSD, HDD, virtual disk
	Bytes int64  `json:"bytes"`
}

// Processors are all that are online, allowed or not.
type Processors struct {
	Model   string  `json:"model"`
	Sockets int     `json:"sockets"`
	Cores   int     `json:"cores"`
	Threads int     `json:"threads"`
	MHz     int     `json:"mhz,omitempty"` // highest, or where the kernel does not say the present one; 0 = unknown
	Caches  []Cache `json:"caches"`        // of the whole host, a line a level and kind
	CPUs    []CPU   `json:"cpus"`          // ascending by ID
}

// CPU is one logical processor.
type CPU struct {
	ID     int `json:"id"`
	Core   int `json:"core"` // the lowest ID of its SMT siblings
	Socket int `json:"socket"`
	Node   int `json:"node"`
}

// Cache is one level and kind, with how many of them there are.
type Cache struct {
	Level int    `json:"level"`
	Kind  string `json:"kind"` // Data, Instruction, Unified
	Bytes int64  `json:"bytes"`
	Count int    `json:"count"`
}

// Node is a NUMA node.
type Node struct {
	ID        int    `json:"id"`
	CPUs      CPUSet `json:"cpus"` // online, allowed or not
	Memory    int64  `json:"memory_bytes"`
	Distances []int  `json:"distances,omitempty"` // to each node, in the order of Nodes; 10 is local
}

// Limits are what this process may use.
type Limits struct {
	CPUs   CPUSet  `json:"cpus"`                   // by cpuset and affinity
	Nodes  CPUSet  `json:"memory_nodes"`           // by cpuset
	Quota  float64 `json:"cpu_quota,omitempty"`    // processors' worth of time, 0 = no limit
	Memory int64   `json:"memory_bytes,omitempty"` // of the control group, 0 = no limit
	Total  int64   `json:"total_memory_bytes"`     // of the host
}

// Driver is the NVIDIA driver.
type Driver struct {
	Cards   int    `json:"cards"` // NVIDIA GPUs on the PCI bus, usable or not
	Version string `json:"version,omitempty"`
	CUDA    string `json:"cuda,omitempty"`    // newest runtime it supports
	Missing string `json:"missing,omitempty"` // why there are no GPUs: one line, with the way out
}

// GPU is one NVIDIA device.
type GPU struct {
	Index      int     `json:"index"`
	Name       string  `json:"name"`
	UUID       string  `json:"uuid"`
	Memory     uint64  `json:"memory_bytes"`
	Bus        string  `json:"pci_bus"`               // 0000:07:00.0
	Node       int     `json:"node"`                  // NUMA node, -1 = not known
	PowerLimit float64 `json:"power_watts,omitempty"` // 0 = not known
	MaxMHz     int     `json:"max_sm_mhz,omitempty"`  // 0 = not known
	Link       string  `json:"pcie_link,omitempty"`   // "16.0 GT/s x16", widest that it can
	Near       []Near  `json:"networks,omitempty"`    // nearest first
}

// Near is how far a network device is from a GPU.
type Near struct {
	Network string `json:"network"`
	Path    string `json:"path"` // SameSwitch and so on, in the words of nvidia-smi topo
	Hops    int    `json:"hops"` // PCI links between them below one root complex, else 0
}

// Network is a device for traffic between hosts.
type Network struct {
	Name      string `json:"name"` // mlx5_0, eth0
	Kind      string `json:"kind"` // InfiniBand and so on
	Bus       string `json:"pci_bus,omitempty"`
	Node      int    `json:"node"` // NUMA node, -1 = not known
	Up        bool   `json:"up"`
	Mbps      int64  `json:"mbps,omitempty"`      // 0 = not known
	Interface string `json:"interface,omitempty"` // of an InfiniBand device
}

// Kinds of a Network.
const (
	InfiniBand = "infiniband"
	RoCE       = "roce"
	Ethernet   = "ethernet"
	Wireless   = "wireless"
)

// Paths of a Near, best first.
const (
	SameSwitch = "PIX"
	Switches   = "PXB"
	SameRoot   = "PHB"
	SameNode   = "NODE"
	Across     = "SYS"
)
