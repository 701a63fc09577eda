// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package binding decides which processors, memory, GPU and network device each rank of a host gets
// (spec section 16, "Binding"), and binds a process to them.
package binding

import (
	"fmt"

	"mlperf-ssd/orchestrator/internal/discover"
)

// Modes of Options. A value that is none of them names a file.
const (
	Node           = "node"            // all of the rank's NUMA node
	Exclusive      = "exclusive"       // the rank's share of the node's cores, with their SMT siblings
	ExclusiveNoSMT = "exclusive,nosmt" // the same, the first thread of each core alone
	Near           = "near"            // all of the NUMA node that the rank's GPU is attached to; the GPU's nearest network
	Single         = "single"          // one network device a rank
	Off            = "off"

	NearExclusive      = "near,exclusive" // the rank's share of Near, and so on
	NearExclusiveNoSMT = "near,exclusive,nosmt"
)

// Options say how ranks are bound. The zero value is the default of section 16: processors and memory
// by NUMA node, network off, and no GPU.
type Options struct {
	CPU     string // Node (or ""), Exclusive, ExclusiveNoSMT, Near and its two, Off, or a file: see ReadLists
	Memory  string // Node (or ""), Off, or a file
	Network string // Off (or ""), Single or Near
	GPUs    bool   // a rank has a GPU; without, ranks share out the processors
}

// Rank is what one local rank gets.
type Rank struct {
	Local   int             `json:"local_rank"`
	Device  int             `json:"device"`            // position in the inventory's GPUs, -1 = none
	UUID    string          `json:"uuid,omitempty"`    // of the GPU
	CPUs    discover.CPUSet `json:"cpus"`              // empty = not bound
	Memory  discover.CPUSet `json:"memory_nodes"`      // empty = not bound: any node
	Network string          `json:"network,omitempty"` // empty = not chosen
}

// Layout is the plan of a host.
type Layout struct {
	Ranks    []Rank   `json:"ranks"`
	Warnings []string `json:"warnings"` // what is not as asked for or not as fast as could be, a line each
}

// Args are the arguments of this program that start program with args bound as the rank is: the hidden
// verb bind (cmd_bind.go), which binds its own thread and becomes the program, keeping process id,
// descriptors, and is killed if its parent ends.
func (r Rank) Args(program string, args ...string) []string {
	bind := []string{"bind", "--die-with-parent"}
	if len(r.CPUs) > 0 {
		bind = append(bind, "--cpus="+r.CPUs.String())
	}
	if len(r.Memory) > 0 {
		bind = append(bind, "--memory="+r.Memory.String())
	}
	return append(append(bind, "--", program), args...)
}

// Environment are the variables, NAME=value, that leave a rank its GPU alone, by UUID, as indices depend
// on CUDA's order and on an outer CUDA_VISIBLE_DEVICES; and those that make UCX and Open MPI use its
// network device, as section 16 has them. lookup (os.LookupEnv) says what is set already: a network that
// somebody chose is left as it is.
func (r Rank) Environment(lookup func(string) (string, bool)) []string {
	var set []string
	if r.UUID != "" {
		set = append(set, "CUDA_VISIBLE_DEVICES="+r.UUID)
	}
	if r.Network == "" {
		return set
	}
	for _, v := range []struct{ name, value string }{
		{"UCX_NET_DEVICES", r.Network + ":1"},
		{"OMPI_MCA_btl_openib_if_include", r.Network},
	} {
		if _, found := lookup(v.name); !found {
			set = append(set, fmt.Sprintf("%s=%s", v.name, v.value))
		}
	}
	return set
}
