// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"context"
	"fmt"
)

// GPUs is what NVML says. Either Driver.Missing or no error in it.
type GPUs struct {
	Driver   Driver   `json:"driver"`
	GPUs     []GPU    `json:"gpus"`
	Problems []string `json:"problems"` // of single devices
}

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

// readGPUs asks for the GPUs and places them.
func (r *reader) readGPUs(ctx context.Context, o Options, networks []place) {
	in := r.inventory
	if o.Ask == nil {
		in.Driver.Missing = "not asked for GPUs"
		return
	}
	answer := o.Ask(ctx)
	in.Driver = answer.Driver
	for _, problem := range answer.Problems {
		r.problem("GPU: %s", problem)
	}
	if in.Driver.Missing != "" {
		cards := len(r.nvidiaDevices())
		loaded := r.tree.exists("proc/driver/nvidia/version")
		switch {
		case cards == 0 && !loaded:
			in.Driver.Missing = "no NVIDIA GPU on the PCI bus"
		case !loaded:
			in.Driver.Missing = fmt.Sprintf("%d NVIDIA GPUs on the PCI bus, but the kernel driver is not loaded (install it, or `modprobe nvidia`): %s", cards, in.Driver.Missing)
		}
		if cards > 0 {
			r.problem("GPU: %s", in.Driver.Missing)
		}
		return
	}
	for _, gpu := range answer.GPUs {
		at := r.placeOf(pciDir, gpu.Bus)
		gpu.Node = at.node
		gpu.Near = nearTo(at, in.Networks, networks)
		if gpu.Node < 0 {
			r.problem("GPU %d (%s): the kernel tells no NUMA node of it", gpu.Index, gpu.Bus)
		}
		in.GPUs = append(in.GPUs, gpu)
	}
	if cards := len(r.nvidiaDevices()); cards > len(in.GPUs) {
		r.problem("GPU: %d on the PCI bus, %d usable", cards, len(in.GPUs))
	}
	if o.LookupEnv == nil {
		return
	}
	if devices, set := o.LookupEnv("CUDA_VISIBLE_DEVICES"); set {
		all := len(in.GPUs)
		in.GPUs = Visible(in.GPUs, devices)
		if len(in.GPUs) < all {
			r.problem("GPU: CUDA_VISIBLE_DEVICES=%s leaves %d of %d", devices, len(in.GPUs), all)
		}
		if len(in.GPUs) == 0 {
			in.Driver.Missing = fmt.Sprintf("CUDA_VISIBLE_DEVICES=%s leaves no GPU", devices)
		}
	}
}
