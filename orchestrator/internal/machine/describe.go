// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"fmt"
	"strconv"
	"strings"

	"mlperf-ssd/orchestrator/internal/discover"
	systems "mlperf-ssd/orchestrator/internal/submission"
)

// Software is what runs on the machine.
type Software struct {
	Program string
	Engine  string // build information, "" = it cannot be loaded
	HostOS  string // MLPERF_HOST_OS: the launcher's, where a container has another; or ""
}

// Describe fills in all fields of spec section 17, with "" for what a machine does not know.
func Describe(host *discover.Inventory, s Software, nodes int) systems.System {
	system := systems.System{}
	for _, field := range systems.Fields() {
		system[field] = ""
	}
	p := host.Processors
	for field, value := range map[string]string{
		"system_name":               host.Host.Product,
		"number_of_nodes":           strconv.Itoa(nodes),
		"host_processors_per_node":  strconv.Itoa(p.Sockets),
		"host_processor_model_name": p.Model,
		"host_processor_core_count": strconv.Itoa(p.Cores),
		"host_processor_vcpu_count": strconv.Itoa(p.Threads),
		"host_processor_frequency":  frequency("%s", p.MHz),
		"host_processor_caches":     cacheText(p.Caches),
		"host_memory_capacity":      binaryBytes(host.Limits.Total),
		"host_storage_type":         storageType(host.Host.Disks),
		"host_storage_capacity":     storageCapacity(host.Host.Disks),
		"host_networking":           networking(host.Networks),
		"framework":                 "mlperf-ssd " + s.Program,
		"other_software_stack":      strings.Join(present(optional("engine %s", s.Engine), optional("NVIDIA driver %s", host.Driver.Version), optional("CUDA %s", host.Driver.CUDA), optional("Linux %s", host.Host.Kernel)), ", "),
		"operating_system":          host.Host.OS,
	} {
		system[field] = value
	}
	if s.HostOS != "" {
		system["operating_system"] = s.HostOS
	}
	if p.Sockets == 1 {
		system["host_processor_interconnect"] = "N/A"
	}
	describeAccelerators(system, host)
	return system
}

// describeAccelerators fills in what NVML told. Cards that are there and not usable stay for a person.
func describeAccelerators(system systems.System, host *discover.Inventory) {
	switch {
	case len(host.GPUs) > 0:
		names, memory := tally{}, tally{}
		for _, gpu := range host.GPUs {
			watts := ""
			if gpu.PowerLimit > 0 {
				watts = fmt.Sprintf(" (%gW)", gpu.PowerLimit)
			}
			names.add(gpu.Name + watts)
			memory.add(binaryBytes(int64(gpu.Memory)))
		}
		first := host.GPUs[0]
		system["accelerators_per_node"] = strconv.Itoa(len(host.GPUs))
		system["accelerator_model_name"] = names.kinds()
		system["accelerator_memory_capacity"] = memory.kinds()
		system["accelerator_host_interconnect"] = first.Link
		if first.MaxMHz > 0 {
			system["accelerator_frequency"] = fmt.Sprintf("%d MHz", first.MaxMHz)
		}
	case host.Driver.Cards == 0:
		for field := range system {
			if strings.HasPrefix(field, "accelerator_") {
				system[field] = "N/A"
			}
		}
		system["accelerators_per_node"] = "0"
	}
}

func storageType(disks []discover.Disk) string {
	kinds := tally{}
	for _, disk := range disks {
		kinds.add(disk.Kind)
	}
	return kinds.kinds()
}

func storageCapacity(disks []discover.Disk) string {
	sizes := tally{}
	for _, disk := range disks {
		size := fmt.Sprintf("%.4g GB", float64(disk.Bytes)/1e9)
		if disk.Bytes >= 1e12 {
			size = fmt.Sprintf("%.3g TB", float64(disk.Bytes)/1e12)
		}
		sizes.add(size)
	}
	return sizes.counted()
}

func networking(networks []discover.Network) string {
	kinds := tally{}
	for _, n := range networks {
		if !n.Up {
			continue
		}
		kind := map[string]string{discover.InfiniBand: "InfiniBand", discover.RoCE: "RoCE", discover.Ethernet: "Ethernet", discover.Wireless: "wireless"}[n.Kind]
		if n.Mbps > 0 {
			kind += fmt.Sprintf(" %g Gb/s", float64(n.Mbps)/1000)
		}
		kinds.add(kind)
	}
	return kinds.counted()
}

// tally counts equal texts in the order in which they first came.
type tally struct {
	texts  []string
	counts map[string]int
}

func (t *tally) add(text string) {
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	if t.counts[text] == 0 {
		t.texts = append(t.texts, text)
	}
	t.counts[text]++
}

// kinds is "NVMe SSD, HDD".
func (t *tally) kinds() string { return strings.Join(t.texts, ", ") }

// counted is "2x 3.84 TB, 1x 480 GB".
func (t *tally) counted() string {
	var parts []string
	for _, text := range t.texts {
		parts = append(parts, fmt.Sprintf("%dx %s", t.counts[text], text))
	}
	return strings.Join(parts, ", ")
}
