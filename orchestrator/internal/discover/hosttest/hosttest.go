// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package hosttest writes the files of sysfs and procfs of a made-up host below a folder, for tests of
// what reads them.
package hosttest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Host is a host to make up. Cores are spread evenly over the NUMA nodes, in order.
type Host struct {
	Model          string
	Sockets        int
	CoresPerSocket int
	Threads        int  // a core; 0 = 1
	Beside         bool // SMT siblings have numbers side by side, not half a host apart
	Nodes          int
	NodeBytes      int64  // memory a NUMA node
	MHz            int    // 0 = the kernel does not say
	Allowed        string // processors; "" = all
	Product        [2]string
	Cards          []Card
	Files          map[string]string // more files, or others; "" leaves one out
}

// Card is a PCI device: a GPU or a network device.
type Card struct {
	Way   string // "pci0000:00/0000:00:01.0/0000:07:00.0"
	Node  int
	GPU   bool
	RDMA  string // name of an InfiniBand device; its port is up
	Ether string // name of an interface; it is up
	Gbits int
	Layer string // of an RDMA device: "" = InfiniBand
}

// Write makes the host's files below dir.
func (h Host) Write(dir string) error {
	w := &writer{dir: dir, made: map[string]bool{}}
	h.processors(w)
	h.nodes(w)
	h.system(w)
	for _, card := range h.Cards {
		card.write(w)
	}
	for name, content := range h.Files {
		w.file(name, content)
	}
	return w.err
}

func (h Host) threads() int { return max(1, h.Threads) * h.cores() }
func (h Host) cores() int   { return h.Sockets * h.CoresPerSocket }

// core is the core of a processor, 0 to cores-1.
func (h Host) core(cpu int) int {
	if h.Beside {
		return cpu / max(1, h.Threads)
	}
	return cpu % h.cores()
}

func (h Host) siblings(cpu int) string {
	var ids []string
	for other := range h.threads() {
		if h.core(other) == h.core(cpu) {
			ids = append(ids, strconv.Itoa(other))
		}
	}
	return strings.Join(ids, ",")
}

func (h Host) processors(w *writer) {
	const dir = "sys/devices/system/cpu/"
	w.file(dir+"online", fmt.Sprintf("0-%d", h.threads()-1))
	var info strings.Builder
	for cpu := range h.threads() {
		one := fmt.Sprintf("%scpu%d/", dir, cpu)
		core := h.core(cpu)
		w.file(one+"topology/thread_siblings_list", h.siblings(cpu))
		w.file(one+"topology/physical_package_id", strconv.Itoa(core/h.CoresPerSocket))
		first, _, _ := strings.Cut(h.siblings(cpu), ",")
		if first == strconv.Itoa(cpu) {
			h.caches(w, one, h.siblings(cpu))
		} else {
			w.link(one+"cache", dir+"cpu"+first+"/cache") // the same files, and fewer to write
		}
		if h.MHz > 0 && cpu == 0 {
			w.file(one+"cpufreq/cpuinfo_max_freq", strconv.Itoa(h.MHz*1000))
		}
		fmt.Fprintf(&info, "processor\t: %d\nmodel name\t: %s\ncpu MHz\t\t: 2000.123\n\n", cpu, h.Model)
	}
	w.file("proc/cpuinfo", info.String())
	allowed := h.Allowed
	if allowed == "" {
		allowed = fmt.Sprintf("0-%d", h.threads()-1)
	}
	w.file("proc/self/status", fmt.Sprintf("Name:\tx\nCpus_allowed_list:\t%s\nMems_allowed_list:\t0-%d\n", allowed, max(1, h.Nodes)-1))
}

func (h Host) caches(w *writer, cpu, siblings string) {
	for index, cache := range [][3]string{{"1", "Data", "32K"}, {"2", "Unified", "512K"}} {
		at := fmt.Sprintf("%scache/index%d/", cpu, index)
		w.file(at+"level", cache[0])
		w.file(at+"type", cache[1])
		w.file(at+"size", cache[2])
		w.file(at+"shared_cpu_list", siblings)
	}
}

func (h Host) nodes(w *writer) {
	const dir = "sys/devices/system/node/"
	w.file("proc/meminfo", fmt.Sprintf("MemTotal:       %d kB\nMemFree:  1 kB\n", h.NodeBytes>>10*int64(max(1, h.Nodes))))
	if h.Nodes == 0 {
		return
	}
	w.file(dir+"online", fmt.Sprintf("0-%d", h.Nodes-1))
	perSocket := max(1, h.Nodes/h.Sockets)
	for node := range h.Nodes {
		var cpus, distances []string
		for cpu := range h.threads() {
			if h.core(cpu)*h.Nodes/h.cores() == node {
				cpus = append(cpus, strconv.Itoa(cpu))
			}
		}
		for other := range h.Nodes {
			distance := "32"
			switch {
			case other == node:
				distance = "10"
			case other/perSocket == node/perSocket:
				distance = "12"
			}
			distances = append(distances, distance)
		}
		one := fmt.Sprintf("%snode%d/", dir, node)
		w.file(one+"cpulist", strings.Join(cpus, ","))
		w.file(one+"meminfo", fmt.Sprintf("Node %d MemTotal:       %d kB", node, h.NodeBytes>>10))
		w.file(one+"distance", strings.Join(distances, " "))
	}
}

func (h Host) system(w *writer) {
	w.file("proc/sys/kernel/hostname", "gx1")
	w.file("proc/sys/kernel/osrelease", "5.4.0-42-generic")
	w.file("etc/os-release", "NAME=\"Ubuntu\"\nPRETTY_NAME=\"Ubuntu 20.04.3 LTS\"")
	w.file("sys/class/dmi/id/sys_vendor", h.Product[0])
	w.file("sys/class/dmi/id/product_name", h.Product[1])
}

func (c Card) write(w *writer) {
	device := "sys/devices/" + c.Way + "/"
	bus := filepath.Base(c.Way)
	w.link("sys/bus/pci/devices/"+bus, device)
	w.file(device+"numa_node", strconv.Itoa(c.Node))
	if c.GPU {
		w.file(device+"class", "0x030200")
		w.file(device+"vendor", "0x10de")
		return
	}
	w.file(device+"class", "0x020000")
	w.file(device+"vendor", "0x15b3")
	if c.RDMA != "" {
		layer := c.Layer
		if layer == "" {
			layer = "InfiniBand"
		}
		port := device + "infiniband/" + c.RDMA + "/ports/1/"
		w.file(port+"link_layer", layer)
		w.file(port+"state", "4: ACTIVE")
		w.file(port+"rate", fmt.Sprintf("%d Gb/sec (4X HDR)", c.Gbits))
		w.link(device+"infiniband/"+c.RDMA+"/device", device)
		w.link("sys/class/infiniband/"+c.RDMA, device+"infiniband/"+c.RDMA)
	}
	if c.Ether != "" {
		face := device + "net/" + c.Ether
		w.file(face+"/operstate", "up")
		w.file(face+"/speed", strconv.Itoa(c.Gbits*1000))
		w.link(face+"/device", device)
		w.link("sys/class/net/"+c.Ether, face)
	}
}

// writer keeps its first error.
type writer struct {
	dir  string
	made map[string]bool // folders
	err  error
}

func (w *writer) file(name, content string) {
	path := filepath.Join(w.dir, name)
	if w.err == nil && content == "" {
		w.err = os.RemoveAll(path)
		return
	}
	w.make(path, func() error { return os.WriteFile(path, []byte(content+"\n"), 0o644) })
}

// link makes a relative link, as sysfs has them.
func (w *writer) link(name, target string) {
	path := filepath.Join(w.dir, name)
	relative, err := filepath.Rel(filepath.Dir(path), filepath.Join(w.dir, target))
	if err != nil && w.err == nil {
		w.err = err
	}
	w.make(path, func() error { return os.Symlink(relative, path) })
}

func (w *writer) make(path string, do func() error) {
	if folder := filepath.Dir(path); w.err == nil && !w.made[folder] {
		w.err = os.MkdirAll(folder, 0o755)
		w.made[folder] = true
	}
	if w.err == nil {
		w.err = do()
	}
}
