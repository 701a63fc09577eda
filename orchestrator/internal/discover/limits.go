// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"path"
	"strconv"
	"strings"
)

// readLimits reads what this process may use. The kernel's Cpus_allowed has cpusets and affinity in it.
func (r *reader) readLimits(p Processors, nodes []Node, total int64) Limits {
	status := r.tree.word("proc/self/status")
	online, all := CPUSet{}, CPUSet{}
	for _, cpu := range p.CPUs {
		online = append(online, cpu.ID)
	}
	for _, node := range nodes {
		all = append(all, node.ID)
	}
	l := Limits{
		CPUs:  r.allowed(status, "Cpus_allowed_list", online),
		Nodes: r.allowed(status, "Mems_allowed_list", all),
		Total: total,
	}
	groups := controlGroups(r.tree.word("proc/self/cgroup"))
	for _, dir := range groups["memory"] {
		for _, name := range []string{"memory.max", "memory.limit_in_bytes"} {
			limit := r.tree.number(0, dir, name)
			if limit > 0 && limit < total && (l.Memory == 0 || limit < l.Memory) {
				l.Memory = limit
			}
		}
	}
	for _, dir := range groups["cpu"] {
		quota := r.quota(dir)
		if quota > 0 && (l.Quota == 0 || quota < l.Quota) {
			l.Quota = quota
		}
	}
	if len(l.CPUs) < len(online) {
		r.problem("processors: this process may use %d of %d (cpuset or affinity): %v", len(l.CPUs), len(online), l.CPUs)
	}
	if l.Quota > 0 && l.Quota < float64(len(l.CPUs)) {
		r.problem("processors: a quota of the control group gives %g processors' time to %d: ranks will be throttled", l.Quota, len(l.CPUs))
	}
	return l
}

func (r *reader) allowed(status, key string, all CPUSet) CPUSet {
	set, err := ParseCPUSet(field(status, key))
	if err == nil && len(set) > 0 {
		set = set.Intersect(all)
	}
	if err != nil || len(set) == 0 {
		r.problem("limits: /proc/self/status has no usable %s: taken as %v", key, all)
		return all
	}
	return set
}

// quota is in processors; 0 = none. Version 2 has "max 100000" or "50000 100000" in one file.
func (r *reader) quota(dir string) float64 {
	quota, period := "", ""
	if words := strings.Fields(r.tree.word(dir, "cpu.max")); len(words) == 2 {
		quota, period = words[0], words[1]
	} else {
		quota, period = r.tree.word(dir, "cpu.cfs_quota_us"), r.tree.word(dir, "cpu.cfs_period_us")
	}
	q, errQ := strconv.ParseFloat(quota, 64)
	p, errP := strconv.ParseFloat(period, 64)
	if errQ != nil || errP != nil || !(q > 0) || !(p > 0) {
		return 0
	}
	return q / p
}

// controlGroups gives for "memory" and "cpu" the folders that may hold limits: this process's group
// and all above it. Of a container that sees its own group as the root, only the root is there.
func controlGroups(text string) map[string][]string {
	groups := map[string][]string{}
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		group := path.Clean("/" + parts[2])
		if parts[0] == "0" && parts[1] == "" { // version 2, alone or beside version 1
			for _, kind := range []string{"memory", "cpu"} {
				groups[kind] = append(groups[kind], upwards("sys/fs/cgroup", group)...)
				groups[kind] = append(groups[kind], upwards("sys/fs/cgroup/unified", group)...)
			}
			continue
		}
		for kind := range strings.SplitSeq(parts[1], ",") {
			if kind == "memory" || kind == "cpu" {
				groups[kind] = append(groups[kind], upwards("sys/fs/cgroup/"+kind, group)...)
				groups[kind] = append(groups[kind], upwards("sys/fs/cgroup/"+parts[1], group)...)
			}
		}
	}
	return groups
}

func upwards(mount, group string) []string {
	var dirs []string
	for ; group != "/"; group = path.Dir(group) {
		dirs = append(dirs, mount+group)
	}
	return append(dirs, mount)
}
