// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"slices"
	"strconv"
	"strings"
)

const cpuDir = "sys/devices/system/cpu"

// readProcessors reads what is online. Where the kernel tells no topology every thread is a core of
// socket 0, and a problem says so.
func (r *reader) readProcessors() Processors {
	info := r.tree.word("proc/cpuinfo")
	online, err := r.tree.list(cpuDir, "online")
	if err != nil || len(online) == 0 {
		online = cpusOf(info)
		r.problem("processors: %s/online cannot be read: %d found in /proc/cpuinfo", cpuDir, len(online))
	}
	p := Processors{
		Model:   field(info, "model name"),
		Threads: len(online),
		MHz:     int(r.tree.number(0, cpuDir, "cpu0/cpufreq/cpuinfo_max_freq") / 1000),
		Caches:  []Cache{},
		CPUs:    make([]CPU, 0, len(online)),
	}
	if p.MHz == 0 {
		if mhz, err := strconv.ParseFloat(field(info, "cpu MHz"), 64); err == nil {
			p.MHz = int(mhz)
		}
	}
	sockets, cores, untold := CPUSet{}, CPUSet{}, CPUSet{}
	for _, id := range online {
		cpu := CPU{ID: id, Core: id}
		dir := cpuDir + "/cpu" + strconv.Itoa(id) + "/topology"
		siblings, err := r.tree.list(dir, "thread_siblings_list")
		if err == nil && siblings.Contains(id) {
			cpu.Core = siblings.Intersect(online)[0]
		} else {
			untold = append(untold, id)
		}
		cpu.Socket = max(0, int(r.tree.number(0, dir, "physical_package_id")))
		sockets, cores = append(sockets, cpu.Socket), append(cores, cpu.Core)
		p.CPUs = append(p.CPUs, cpu)
	}
	p.Sockets, p.Cores = len(NewCPUSet(sockets...)), len(NewCPUSet(cores...))
	if len(untold) > 0 {
		r.problem("processors: the kernel tells no core of %v: each counts as one", untold)
	}
	p.Caches = r.readCaches(online)
	return p
}

// cpusOf are the processors of /proc/cpuinfo.
func cpusOf(info string) CPUSet {
	ids := []int{}
	for line := range strings.Lines(info) {
		key, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(key) != "processor" {
			continue
		}
		if id, err := parseID(strings.TrimSpace(value)); err == nil {
			ids = append(ids, id)
		}
	}
	return NewCPUSet(ids...)
}

// field is the first value of a key of a "key: value" file, or empty.
func field(text, key string) string {
	for line := range strings.Lines(text) {
		if k, v, found := strings.Cut(line, ":"); found && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// readCaches counts the caches that are not the same one seen from another processor.
func (r *reader) readCaches(online CPUSet) []Cache {
	type instance struct {
		level  int64
		kind   string
		shared string
	}
	seen := map[instance]bool{}
	caches := []Cache{}
	for _, id := range online {
		dir := cpuDir + "/cpu" + strconv.Itoa(id) + "/cache"
		for _, index := range r.tree.names(dir) {
			at := func(name string) string { return r.tree.word(dir, index, name) }
			level := r.tree.number(0, dir, index, "level")
			one := instance{level, at("type"), at("shared_cpu_list")}
			bytes := sizeOf(at("size"))
			if level == 0 || bytes == 0 || seen[one] {
				continue
			}
			seen[one] = true
			same := func(c Cache) bool { return c.Level == int(level) && c.Kind == one.kind && c.Bytes == bytes }
			if i := slices.IndexFunc(caches, same); i >= 0 {
				caches[i].Count++
			} else {
				caches = append(caches, Cache{int(level), one.kind, bytes, 1})
			}
		}
	}
	slices.SortStableFunc(caches, func(a, b Cache) int {
		if a.Level != b.Level {
			return a.Level - b.Level
		}
		return strings.Compare(a.Kind, b.Kind)
	})
	return caches
}

// sizeOf reads "32K"; 0 if it is none.
func sizeOf(text string) int64 {
	unit := int64(1)
	for suffix, factor := range map[string]int64{"K": 1 << 10, "M": 1 << 20, "G": 1 << 30} {
		if stem, found := strings.CutSuffix(text, suffix); found {
			text, unit = stem, factor
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0
	}
	return n * unit
}
