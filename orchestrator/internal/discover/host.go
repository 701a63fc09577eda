// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package discover

import "strings"

func (r *reader) readHost() Host {
	h := Host{
		Name:   r.tree.word("proc/sys/kernel/hostname"),
		Kernel: r.tree.word("proc/sys/kernel/osrelease"),
		OS:     prettyName(r.tree.word("etc/os-release")),
		Disks:  r.readDisks(),
	}
	if h.OS == "" {
		h.OS = prettyName(r.tree.word("usr/lib/os-release"))
	}
	if h.OS == "" {
		r.problem("system: no os-release names the operating system")
	}
	vendor, product := r.tree.word("sys/class/dmi/id/sys_vendor"), r.tree.word("sys/class/dmi/id/product_name")
	h.Product = strings.TrimSpace(vendor + " " + strings.TrimPrefix(product, vendor+" "))
	return h
}

// prettyName is PRETTY_NAME of an os-release file, without quotes.
func prettyName(release string) string {
	for line := range strings.Lines(release) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); found {
			return strings.Trim(value, `"'`)
		}
	}
	return ""
}

const sectorBytes = 512 // of /sys/block/*/size, whatever the disk has

func (r *reader) readDisks() []Disk {
	disks := []Disk{}
	for _, name := range r.tree.names("sys/block") {
		dir := "sys/block/" + name
		sectors := r.tree.number(0, dir, "size")
		if sectors <= 0 || sectors > 1<<53 || r.tree.number(0, dir, "removable") == 1 || !r.tree.exists(dir, "device") {
			continue // loop, ram, device mapper, md
		}
		disk := Disk{Name: name, Kind: "SSD", Bytes: sectors * sectorBytes}
		switch {
		case strings.HasPrefix(name, "nvme"):
			disk.Kind = "NVMe SSD"
		case strings.HasPrefix(name, "vd"), strings.HasPrefix(name, "xvd"):
			disk.Kind = "virtual disk"
		case r.tree.word(dir, "queue", "rotational") == "1":
			disk.Kind = "HDD"
		}
		disks = append(disks, disk)
	}
	return disks
}
