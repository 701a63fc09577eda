// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const pciDir = "sys/bus/pci/devices"

// busID brings "00000000:07:00.0", as NVML writes it, to sysfs's "0000:07:00.0"; empty if it is none.
func busID(text string) string {
	parts := strings.Split(strings.ToLower(text), ":")
	if len(parts) != 3 {
		return ""
	}
	device, function, found := strings.Cut(parts[2], ".")
	var numbers [4]uint64
	for i, part := range []string{parts[0], parts[1], device, function} {
		n, err := strconv.ParseUint(part, 16, 32)
		if err != nil {
			return ""
		}
		numbers[i] = n
	}
	if !found || numbers[1] > 0xff || numbers[2] > 0x1f || numbers[3] > 7 {
		return ""
	}
	return fmt.Sprintf("%04x:%02x:%02x.%x", numbers[0], numbers[1], numbers[2], numbers[3])
}

// pciPath is the way from the root complex to a device, "pci0000:00", "0000:00:01.0", "0000:07:00.0",
// of a sysfs path; what hangs on the last PCI device is left out.
func pciPath(parts []string) []string {
	var way []string
	for _, part := range parts {
		if busID(part) == part || strings.HasPrefix(part, "pci") && len(way) == 0 {
			way = append(way, part)
		}
	}
	return way
}

// place is where a device is attached.
type place struct {
	way  []string // pciPath; empty if it is on no PCI bus
	node int      // -1 = not known
}

func (p place) bus() string {
	if len(p.way) == 0 {
		return ""
	}
	return p.way[len(p.way)-1]
}

// placeOf reads it for a device's sysfs path, which may be a link.
func (r *reader) placeOf(path ...string) place {
	parts, err := r.tree.resolve(path...)
	if err != nil {
		parts = nil
	}
	p := place{way: pciPath(parts), node: -1}
	for n := len(parts); n > 0 && p.node < 0; n-- { // a virtio device has no number: its PCI parent has
		p.node = int(r.tree.number(-1, append(slices.Clone(parts[:n]), "numa_node")...))
	}
	if p.node < 0 && len(r.inventory.Nodes) == 1 {
		p.node = r.inventory.Nodes[0].ID
	}
	return p
}

// nearness compares two places as `nvidia-smi topo -m` does.
func nearness(a, b place) (path string, hops int) {
	common := 0
	for common < min(len(a.way), len(b.way)) && a.way[common] == b.way[common] {
		common++
	}
	hops = len(a.way) + len(b.way) - 2*common
	switch {
	case common >= 2 && hops <= 4:
		return SameSwitch, hops
	case common >= 2:
		return Switches, hops
	case common == 1:
		return SameRoot, hops
	case a.node >= 0 && a.node == b.node:
		return SameNode, 0
	default:
		return Across, 0
	}
}

// nearTo orders the network devices by how near they are to a GPU; equals stay by name.
func nearTo(gpu place, networks []Network, places []place) []Near {
	var near []Near
	for i, network := range networks {
		if len(places[i].way) == 0 {
			continue
		}
		path, hops := nearness(gpu, places[i])
		near = append(near, Near{network.Name, path, hops})
	}
	order := []string{SameSwitch, Switches, SameRoot, SameNode, Across}
	slices.SortStableFunc(near, func(a, b Near) int {
		if a.Path != b.Path {
			return slices.Index(order, a.Path) - slices.Index(order, b.Path)
		}
		return a.Hops - b.Hops
	})
	return near
}

// nvidiaDevices are the buses of NVIDIA's GPUs, with or without a driver.
func (r *reader) nvidiaDevices() []string {
	var buses []string
	for _, bus := range r.tree.names(pciDir) {
		display := strings.HasPrefix(r.tree.word(pciDir, bus, "class"), "0x03")
		if display && strings.EqualFold(r.tree.word(pciDir, bus, "vendor"), "0x10de") {
			buses = append(buses, bus)
		}
	}
	return buses
}
