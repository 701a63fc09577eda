// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"context"
	"slices"
	"strings"
	"testing"

	"mlperf-ssd/orchestrator/internal/discover/hosttest"
)

// TestBroken takes files away or spoils them: the rest is still there, and a problem says what is not.
func TestBroken(t *testing.T) {
	small := func(files map[string]string) hosttest.Host {
		h := hosttest.Laptop()
		h.Nodes = 2
		h.Files = files
		return h
	}
	for name, c := range map[string]struct {
		files   map[string]string
		problem string
		threads int
		cores   int
		nodes   int
	}{
		"no list of processors": {map[string]string{"sys/devices/system/cpu/online": ""}, "8 found in /proc/cpuinfo", 8, 4, 2},
		"spoilt list":           {map[string]string{"sys/devices/system/cpu/online": "0-99999999"}, "8 found in /proc/cpuinfo", 8, 4, 2},
		"one without topology":  {map[string]string{"sys/devices/system/cpu/cpu3/topology/thread_siblings_list": ""}, "tells no core of 3", 8, 5, 2},
		"siblings of another":   {map[string]string{"sys/devices/system/cpu/cpu3/topology/thread_siblings_list": "6-7"}, "tells no core of 3", 8, 5, 2},
		"some offline":          {map[string]string{"sys/devices/system/cpu/online": "0-2,4-6"}, "", 6, 4, 2},
		"spoilt nodes":          {map[string]string{"sys/devices/system/node/online": "x"}, `"x" is no number`, 8, 4, 1},
		"node without list":     {map[string]string{"sys/devices/system/node/node1/cpulist": ""}, "belong to no node", 8, 4, 1},
		"node without memory":   {map[string]string{"sys/devices/system/node/node1/meminfo": "Node 1 MemTotal: 0 kB"}, "node 1 has processors and no memory", 8, 4, 2},
		"no status":             {map[string]string{"proc/self/status": ""}, "no usable Cpus_allowed_list: taken as 0-7", 8, 4, 2},
		"nothing allowed":       {map[string]string{"proc/self/status": "Cpus_allowed_list: 64\nMems_allowed_list: 0"}, "no usable Cpus_allowed_list", 8, 4, 2},
		"no memory":             {map[string]string{"proc/meminfo": ""}, "no MemTotal", 8, 4, 2},
		"spoilt memory":         {map[string]string{"proc/meminfo": "MemTotal: 99999999999999999999 kB"}, "no MemTotal", 8, 4, 2},
		"no release":            {map[string]string{"etc/os-release": ""}, "no os-release", 8, 4, 2},
		"spoilt quota":          {map[string]string{"proc/self/cgroup": "0::/../../x\nnonsense", "sys/fs/cgroup/cpu.max": "nan -1"}, "", 8, 4, 2},
	} {
		t.Run(name, func(t *testing.T) {
			in := read(t, small(c.files), Options{})
			equal(t, "threads", in.Processors.Threads, c.threads)
			equal(t, "cores", in.Processors.Cores, c.cores)
			equal(t, "nodes", len(in.Nodes), c.nodes)
			found := slices.ContainsFunc(in.Problems, func(p string) bool { return strings.Contains(p, c.problem) })
			if c.problem == "" && len(in.Problems) > 0 || !found && c.problem != "" {
				t.Errorf("problems %q, want %q", in.Problems, c.problem)
			}
		})
	}
}

// TestEmptyRoot reads a host that has no file at all.
func TestEmptyRoot(t *testing.T) {
	in := Read(t.Context(), Options{Root: t.TempDir()})
	equal(t, "threads", in.Processors.Threads, 0)
	equal(t, "nodes", in.Nodes, []Node{{CPUs: CPUSet{}}})
	if len(in.Problems) < 4 {
		t.Errorf("problems %q", in.Problems)
	}
}

func TestNearness(t *testing.T) {
	at := func(node int, way string) place { return place{strings.Split(way, " "), node} }
	gpu := at(0, "pci0000:00 0000:00:01.0 0000:01:00.0 0000:02:00.0 0000:03:00.0")
	for _, c := range []struct {
		other place
		path  string
		hops  int
	}{
		{at(0, "pci0000:00 0000:00:01.0 0000:01:00.0 0000:02:01.0 0000:04:00.0"), SameSwitch, 4},
		{at(0, "pci0000:00 0000:00:01.0 0000:01:00.0 0000:02:02.0 0000:05:00.0 0000:06:00.0 0000:07:00.0"), Switches, 6},
		{at(0, "pci0000:00 0000:00:02.0 0000:08:00.0"), SameRoot, 6},
		{at(0, "pci0000:40 0000:40:01.0 0000:41:00.0"), SameNode, 0},
		{at(1, "pci0000:80 0000:80:01.0 0000:81:00.0"), Across, 0},
		{at(-1, "pci0000:80 0000:80:01.0 0000:81:00.0"), Across, 0},
	} {
		path, hops := nearness(gpu, c.other)
		if path != c.path || hops != c.hops && (path == SameSwitch || path == Switches || path == SameRoot) {
			t.Errorf("%v: %s %d, want %s %d", c.other.way, path, hops, c.path, c.hops)
		}
	}
}

func TestBusID(t *testing.T) {
	for text, want := range map[string]string{
		"00000000:07:00.0": "0000:07:00.0", "0000:BB:1f.7": "0000:bb:1f.7", "00010000:07:00.0": "10000:07:00.0",
		"": "", "07:00.0": "", "0000:07:00": "", "0000:100:00.0": "", "0000:07:20.0": "", "0000:07:00.8": "", "x:07:00.0": "",
	} {
		equal(t, text, busID(text), want)
	}
}

// TestGPUsWithoutDriver: cards on the bus that nobody can use are a problem, none are not.
func TestGPUsWithoutDriver(t *testing.T) {
	none := func(context.Context) GPUs { return GPUs{Driver: Driver{Missing: "no library"}} }
	in := read(t, hosttest.GX2460M1(), Options{Ask: none})
	equal(t, "missing", in.Driver.Missing, "4 NVIDIA GPUs on the PCI bus, but the kernel driver is not loaded (install it, or `modprobe nvidia`): no library")
	equal(t, "problems", in.Problems, []string{"GPU: " + in.Driver.Missing})
	in = read(t, hosttest.Laptop(), Options{Ask: none})
	equal(t, "missing", in.Driver.Missing, "no NVIDIA GPU on the PCI bus")
	equal(t, "problems", in.Problems, []string{})
	host := hosttest.GX2460M1()
	host.Files = map[string]string{"proc/driver/nvidia/version": "NVRM version: 550.54.15"}
	in = read(t, host, Options{Ask: none})
	equal(t, "missing", in.Driver.Missing, "no library")
	in = read(t, host, Options{Ask: gpusAt(0x01, 0x11), LookupEnv: func(string) (string, bool) { return "1", true }})
	equal(t, "problems", in.Problems, []string{"GPU: 4 on the PCI bus, 2 usable", "GPU: CUDA_VISIBLE_DEVICES=1 leaves 1 of 2"})
	equal(t, "GPU", in.GPUs[0].UUID, "GPU-1")
	equal(t, "index", in.GPUs[0].Index, 0)
}
