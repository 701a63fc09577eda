// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"mlperf-ssd/orchestrator/internal/binding"
	"mlperf-ssd/orchestrator/internal/discover"
)

// Print shows a host and the plan of its ranks: the host, a table a kind of device, the plan, then what is missing.
func Print(w io.Writer, host *discover.Inventory, plan binding.Layout) error {
	var b strings.Builder
	printHost(&b, host)
	printTables(&b, host)
	printRanks(&b, plan)
	if notes := append(host.Problems, plan.Warnings...); len(notes) > 0 {
		b.WriteString("\nto know\n")
		for _, note := range notes {
			fmt.Fprintf(&b, "  - %s\n", note)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func printHost(b *strings.Builder, host *discover.Inventory) {
	p, l := host.Processors, host.Limits
	fmt.Fprintf(b, "host        %s\n", strings.Join(present(host.Host.Name, host.Host.Product, host.Host.OS, "Linux "+host.Host.Kernel), ", "))
	fmt.Fprintf(b, "processors  %s: %d cores, %d threads%s\n", processorName(p), p.Cores, p.Threads, frequency(", %s", p.MHz))
	if caches := cacheText(p.Caches); caches != "" {
		fmt.Fprintf(b, "caches      %s\n", caches)
	}
	usable := "all"
	if len(l.CPUs) < p.Threads {
		usable = fmt.Sprintf("%v (%d of %d)", l.CPUs, len(l.CPUs), p.Threads)
	}
	if l.Quota > 0 {
		usable += fmt.Sprintf(", %g processors' time", l.Quota)
	}
	fmt.Fprintf(b, "usable      %s\n", usable)
	memory := binaryBytes(l.Total)
	if l.Memory > 0 {
		memory += ", limited to " + binaryBytes(l.Memory)
	}
	fmt.Fprintf(b, "memory      %s\n", memory)
	switch {
	case host.Driver.Missing != "":
		fmt.Fprintf(b, "GPUs        none: %s\n", host.Driver.Missing)
	default:
		fmt.Fprintf(b, "GPUs        %d, driver %s%s\n", len(host.GPUs), host.Driver.Version, optional(" for CUDA %s", host.Driver.CUDA))
	}
	if len(host.Networks) == 0 {
		b.WriteString("networks    none in hardware\n")
	}
}

func printTables(b *strings.Builder, host *discover.Inventory) {
	t := newTable(b, "NUMA NODE", "CPUS", "MEMORY", "DISTANCES", "GPUS", "NETWORKS")
	for _, node := range host.Nodes {
		var gpus, networks []string
		for _, gpu := range host.GPUs {
			if gpu.Node == node.ID {
				gpus = append(gpus, strconv.Itoa(gpu.Index))
			}
		}
		for _, network := range host.Networks {
			if network.Node == node.ID {
				networks = append(networks, network.Name)
			}
		}
		t.row(node.ID, node.CPUs, binaryBytes(node.Memory), strings.Trim(fmt.Sprint(node.Distances), "[]"), strings.Join(gpus, " "), strings.Join(networks, " "))
	}
	t.flush()
	if len(host.GPUs) > 0 {
		t = newTable(b, "GPU", "NAME", "MEMORY", "PCI BUS", "NODE", "POWER", "NEAREST NETWORK", "UUID")
		for _, gpu := range host.GPUs {
			power, near := "", ""
			if gpu.PowerLimit > 0 {
				power = fmt.Sprintf("%g W", gpu.PowerLimit)
			}
			if len(gpu.Near) > 0 {
				near = gpu.Near[0].Network + " (" + gpu.Near[0].Path + ")"
			}
			t.row(gpu.Index, gpu.Name, binaryBytes(int64(gpu.Memory)), gpu.Bus, known(gpu.Node), power, near, gpu.UUID)
		}
		t.flush()
	}
	if len(host.Networks) > 0 {
		t = newTable(b, "NETWORK", "KIND", "RATE", "STATE", "PCI BUS", "NODE", "INTERFACE")
		for _, n := range host.Networks {
			state, rate := "down", ""
			if n.Up {
				state = "up"
			}
			if n.Mbps > 0 {
				rate = fmt.Sprintf("%g Gb/s", float64(n.Mbps)/1000)
			}
			t.row(n.Name, n.Kind, rate, state, n.Bus, known(n.Node), n.Interface)
		}
		t.flush()
	}
}

func printRanks(b *strings.Builder, plan binding.Layout) {
	t := newTable(b, "RANK", "DEVICE", "CPUS", "MEMORY NODES", "NETWORK")
	for _, rank := range plan.Ranks {
		device := "CPU"
		if rank.Device >= 0 {
			device = fmt.Sprintf("GPU %d", rank.Device)
		}
		t.row(rank.Local, device, orAny(rank.CPUs.String()), orAny(rank.Memory.String()), orAny(rank.Network))
	}
	t.flush()
}

func orAny(text string) string {
	if text == "" {
		return "any"
	}
	return text
}

func known(node int) string {
	if node < 0 {
		return "?"
	}
	return strconv.Itoa(node)
}

// table is a heading and rows, after an empty line; an empty cell is a dash.
type table struct{ out *tabwriter.Writer }

func newTable(w io.Writer, heads ...any) table {
	fmt.Fprintln(w)
	t := table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	t.row(heads...)
	return t
}

func (t table) row(cells ...any) {
	line := make([]string, len(cells))
	for i, cell := range cells {
		if line[i] = fmt.Sprint(cell); line[i] == "" {
			line[i] = "-"
		}
	}
	fmt.Fprintln(t.out, strings.Join(line, "\t"))
}

func (t table) flush() { _ = t.out.Flush() } // into memory
