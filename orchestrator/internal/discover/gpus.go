// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"context"
	"fmt"
)

// GPUs is what NVML says: some, or why not in Driver.Missing.
type GPUs struct {
	Driver   Driver   `json:"driver"`
	GPUs     []GPU    `json:"gpus"`
	Problems []string `json:"problems"` // of single devices
}

// readGPUs asks for the GPUs and places them.
func (r *reader) readGPUs(ctx context.Context, o Options, networks []place) {
	in := r.inventory
	cards := len(r.nvidiaDevices())
	if o.Ask == nil {
		in.Driver = Driver{Cards: cards, Missing: "not asked for"}
		return
	}
	answer := o.Ask(ctx)
	in.Driver = answer.Driver
	in.Driver.Cards = cards
	for _, problem := range answer.Problems {
		r.problem("GPU: %s", problem)
	}
	if in.Driver.Missing != "" {
		in.Driver.Missing = r.whyMissing(in.Driver)
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
	if cards > len(in.GPUs) {
		r.problem("GPU: %d on the PCI bus, %d usable", cards, len(in.GPUs))
	}
	if o.LookupEnv == nil {
		return
	}
	if devices, set := o.LookupEnv("CUDA_VISIBLE_DEVICES"); set {
		r.leaveVisible(devices)
	}
}

// whyMissing adds what files tell to what NVML says.
func (r *reader) whyMissing(d Driver) string {
	switch {
	case r.tree.exists("proc/driver/nvidia/version"):
		return d.Missing
	case d.Cards == 0:
		return "no NVIDIA GPU on the PCI bus"
	default:
		return fmt.Sprintf("%d NVIDIA GPUs on the PCI bus, but the kernel driver is not loaded (install it, or `modprobe nvidia`): %s", d.Cards, d.Missing)
	}
}

func (r *reader) leaveVisible(devices string) {
	in := r.inventory
	all := len(in.GPUs)
	in.GPUs = Visible(in.GPUs, devices)
	if len(in.GPUs) < all {
		r.problem("GPU: CUDA_VISIBLE_DEVICES=%s leaves %d of %d", devices, len(in.GPUs), all)
	}
	if len(in.GPUs) == 0 {
		in.Driver.Missing = fmt.Sprintf("CUDA_VISIBLE_DEVICES=%s leaves no GPU", devices)
	}
}
