// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mlperf-ssd/orchestrator/internal/discover/hosttest"
)

func read(t *testing.T, host hosttest.Host, o Options) *Inventory {
	t.Helper()
	o.Root = t.TempDir()
	if err := host.Write(o.Root); err != nil {
		t.Fatal(err)
	}
	return Read(t.Context(), o)
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// gpusAt answers as NVML does for GPUs on these buses.
func gpusAt(buses ...int) func(context.Context) GPUs {
	answer := GPUs{Driver: Driver{Version: "550.54.15", CUDA: "12.4"}}
	for i, bus := range buses {
		answer.GPUs = append(answer.GPUs, GPU{Index: i, Name: "A100", UUID: fmt.Sprintf("GPU-%d", i), Bus: fmt.Sprintf("0000:%02x:00.0", bus), Node: -1})
	}
	return func(context.Context) GPUs { return answer }
}

func TestFourNodesFourGPUs(t *testing.T) {
	in := read(t, hosttest.GX2460M1(), Options{Ask: gpusAt(0x01, 0x11, 0x21, 0x31)})
	equal(t, "problems", in.Problems, []string{})
	p := in.Processors
	equal(t, "CPUs 0, 31, 33", []CPU{p.CPUs[0], p.CPUs[31], p.CPUs[33]},
		[]CPU{{ID: 0, Core: 0}, {ID: 31, Core: 31, Socket: 1, Node: 3}, {ID: 33, Core: 1}})
	equal(t, "caches", p.Caches, []Cache{{1, "Data", 32 << 10, 32}, {2, "Unified", 512 << 10, 32}})
	p.CPUs, p.Caches = nil, nil
	equal(t, "processors", p, Processors{Model: "AMD EPYC 7302 16-Core Processor", Sockets: 2, Cores: 32, Threads: 64, MHz: 3300})
	equal(t, "node 2", in.Nodes[2].CPUs.String(), "16-23,48-55")
	equal(t, "node 2", in.Nodes[2].Distances, []int{32, 32, 10, 12})
	equal(t, "memory", in.Nodes[2].Memory, 128<<30)
	equal(t, "limits", in.Limits, Limits{CPUs: NewCPUSet(in.allIDs()...), Nodes: CPUSet{0, 1, 2, 3}, Total: 512 << 30})
	equal(t, "host", in.Host, Host{Name: "gx1", Product: "FUJITSU PRIMERGY GX2460M1", OS: "Ubuntu 20.04.3 LTS", Kernel: "5.4.0-42-generic", Disks: []Disk{}})
	equal(t, "networks", len(in.Networks), 8)
	equal(t, "network", in.Networks[3], Network{Name: "mlx5_3", Kind: InfiniBand, Bus: "0000:16:00.0", Node: 1, Up: true, Mbps: 100000})
	equal(t, "GPU's node", in.GPUs[3].Node, 3)
	equal(t, "near", in.GPUs[1].Near[:3], []Near{{"mlx5_2", SameRoot, 4}, {"mlx5_3", SameRoot, 4}, {"mlx5_0", Across, 0}})
}

func (in *Inventory) allIDs() []int {
	var ids []int
	for _, cpu := range in.Processors.CPUs {
		ids = append(ids, cpu.ID)
	}
	return ids
}

func TestEightNodesEightGPUs(t *testing.T) {
	in := read(t, hosttest.DGXA100(), Options{Ask: gpusAt(hosttest.DGXBuses()...)})
	equal(t, "problems", in.Problems, []string{})
	equal(t, "node 3", in.Nodes[3].CPUs.String(), "48-63,176-191")
	nodes := []int{}
	for i, gpu := range in.GPUs {
		nodes = append(nodes, gpu.Node)
		both := []Near{{fmt.Sprintf("mlx5_%d", i/2*2), SameSwitch, 4}, {fmt.Sprintf("mlx5_%d", i/2*2+1), SameSwitch, 4}}
		equal(t, "nearest", gpu.Near[:2], both)
	}
	equal(t, "nodes", nodes, []int{3, 3, 1, 1, 7, 7, 5, 5})
	equal(t, "Ethernet", in.Networks[8], Network{Name: "enp225s0f0", Kind: Ethernet, Bus: "0000:e1:00.0", Node: 4, Up: true, Mbps: 100000})
}

func TestLaptop(t *testing.T) {
	in := read(t, hosttest.Laptop(), Options{})
	equal(t, "problems", in.Problems, []string{})
	equal(t, "nodes", in.Nodes, []Node{{ID: 0, CPUs: CPUSet{0, 1, 2, 3, 4, 5, 6, 7}, Memory: 16 << 30}})
	equal(t, "CPU 5", in.Processors.CPUs[5], CPU{ID: 5, Core: 4})
	equal(t, "cores", in.Processors.Cores, 4)
	equal(t, "networks", in.Networks, []Network{{Name: "wlp2s0", Kind: Wireless, Bus: "0000:02:00.0", Up: true}})
	equal(t, "disks", in.Host.Disks, []Disk{{"nvme0n1", "NVMe SSD", 512110190592}})
}

func TestContainer(t *testing.T) {
	in := read(t, hosttest.Container(), Options{})
	equal(t, "limits", in.Limits, Limits{CPUs: CPUSet{4, 5, 6, 7, 8, 9, 36, 37, 38, 39, 40, 41}, Nodes: CPUSet{0, 1, 2, 3}, Quota: 4.5, Memory: 8 << 30, Total: 512 << 30})
	equal(t, "problems", in.Problems, []string{
		"processors: this process may use 12 of 64 (cpuset or affinity): 4-9,36-41",
		"processors: a quota of the control group gives 4.5 processors' time to 12: ranks will be throttled",
	})
}

func TestVersion1ControlGroup(t *testing.T) {
	host := hosttest.Container()
	host.Files = map[string]string{
		"proc/self/cgroup": "5:cpu,cpuacct:/slurm/job_7/step_0\n4:memory:/docker/abc\n0::/",
		"sys/fs/cgroup/cpu,cpuacct/slurm/job_7/cpu.cfs_quota_us":         "200000",
		"sys/fs/cgroup/cpu,cpuacct/slurm/job_7/cpu.cfs_period_us":        "100000",
		"sys/fs/cgroup/cpu,cpuacct/slurm/job_7/step_0/cpu.cfs_quota_us":  "-1",
		"sys/fs/cgroup/cpu,cpuacct/slurm/job_7/step_0/cpu.cfs_period_us": "100000",
		"sys/fs/cgroup/memory/memory.limit_in_bytes":                     "1073741824", // the container's own group is the root
	}
	in := read(t, host, Options{})
	equal(t, "quota", in.Limits.Quota, 2)
	equal(t, "memory", in.Limits.Memory, 1<<30)
}

func TestWithoutSMT(t *testing.T) {
	host := hosttest.GX2460M1()
	host.Threads = 1
	in := read(t, host, Options{})
	equal(t, "threads", in.Processors.Threads, 32)
	equal(t, "cores", in.Processors.Cores, 32)
	equal(t, "node 1", in.Nodes[1].CPUs.String(), "8-15")
}
