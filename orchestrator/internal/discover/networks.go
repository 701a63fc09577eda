// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"strconv"
	"strings"
)

const (
	rdmaDir  = "sys/class/infiniband"
	etherDir = "sys/class/net"
)

// readNetworks reads the RDMA devices and those Ethernet interfaces that are hardware and not the face
// of an RDMA device; their places beside.
func (r *reader) readNetworks() ([]Network, []place) {
	networks, places := []Network{}, []place{}
	taken := map[string]bool{}
	for _, name := range r.tree.names(rdmaDir) {
		at := r.placeOf(rdmaDir, name, "device")
		n := Network{Name: name, Kind: InfiniBand, Bus: at.bus(), Node: at.node}
		for _, port := range r.tree.names(rdmaDir, name, "ports") {
			word := func(file string) string { return r.tree.word(rdmaDir, name, "ports", port, file) }
			if word("link_layer") == "Ethernet" {
				n.Kind = RoCE
			}
			if strings.HasSuffix(word("state"), "ACTIVE") {
				n.Up = true
				n.Mbps = max(n.Mbps, rate(word("rate")))
			}
		}
		for _, face := range r.tree.names(rdmaDir, name, "device", "net") {
			taken[face] = true
			if n.Interface == "" {
				n.Interface = face
			}
		}
		networks, places = append(networks, n), append(places, at)
	}
	for _, name := range r.tree.names(etherDir) {
		if taken[name] || !r.tree.exists(etherDir, name, "device") { // lo, bridges, veth
			continue
		}
		at := r.placeOf(etherDir, name, "device")
		n := Network{Name: name, Kind: Ethernet, Bus: at.bus(), Node: at.node}
		if r.tree.exists(etherDir, name, "wireless") {
			n.Kind = Wireless
		}
		n.Up = r.tree.word(etherDir, name, "operstate") == "up"
		n.Mbps = max(0, r.tree.number(0, etherDir, name, "speed")) // -1, or an error, while it is down
		networks, places = append(networks, n), append(places, at)
	}
	return networks, places
}

// rate reads "200 Gb/sec (4X HDR)" into Mbit/s; 0 if it is none.
func rate(text string) int64 {
	number, _, found := strings.Cut(text, " Gb/sec")
	gigabits, err := strconv.ParseFloat(number, 64)
	if !found || err != nil || !(gigabits > 0 && gigabits < 1e6) {
		return 0
	}
	return int64(gigabits * 1000)
}
