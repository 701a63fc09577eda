// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"testing"

	"mlperf-ssd/orchestrator/internal/discover"
	"mlperf-ssd/orchestrator/internal/submission"
)

func TestWords(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{processorName(discover.Processors{Sockets: 2, Model: "EPYC"}), "2 x EPYC"},
		{processorName(discover.Processors{Sockets: 1}), "1 x unknown processor"},
		{frequency("%s", 3300), "3.30 GHz"},
		{frequency("%s", 0), ""},
		{optional("CUDA %s", "13.0"), "CUDA 13.0"},
		{optional("CUDA %s", ""), ""},
		{cacheText([]discover.Cache{{Level: 1, Kind: "Data", Bytes: 32 << 10, Count: 4}, {Level: 3, Kind: "Unified", Bytes: 3 << 20, Count: 1}}), "L1d 32 KiB x4, L3 3 MiB x1"},
		{binaryBytes(0), "0 B"},
		{binaryBytes(1023), "1023 B"},
		{binaryBytes(1 << 10), "1 KiB"},
		{binaryBytes(42520176230), "39.6 GiB"},
		{binaryBytes(3 << 50), "3072 TiB"},
		{storageCapacity([]discover.Disk{{Bytes: 3.84e12}, {Bytes: 480e9}, {Bytes: 3.84e12}}), "2x 3.84 TB, 1x 480 GB"},
		{networking([]discover.Network{{Kind: discover.InfiniBand, Mbps: 200000, Up: true}, {Kind: discover.Ethernet, Mbps: 10000}, {Kind: discover.InfiniBand, Mbps: 200000, Up: true}}), "2x InfiniBand 200 Gb/s"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}

// Cards that NVML does not know stay for a person; a host without any has none of their fields.
func TestDescribeAccelerators(t *testing.T) {
	gpu := discover.GPU{Name: "A100", PowerLimit: 250, Memory: 40 << 30, MaxMHz: 1410, Link: "PCIe 4.0 x16"}
	for _, test := range []struct {
		host         discover.Inventory
		count, model string
	}{
		{discover.Inventory{GPUs: []discover.GPU{gpu, gpu}}, "2", "A100 (250W)"},
		{discover.Inventory{}, "0", "N/A"},
		{discover.Inventory{GPUs: []discover.GPU{}, Driver: discover.Driver{Cards: 4}}, "", ""},
	} {
		s := Describe(&test.host, Software{Program: "v1", Engine: "cpu", HostOS: "Host 1.0"}, 3)
		if s["accelerators_per_node"] != test.count || s["accelerator_model_name"] != test.model {
			t.Errorf("%s accelerators %q, want %s and %q", s["accelerators_per_node"], s["accelerator_model_name"], test.count, test.model)
		}
		if s["number_of_nodes"] != "3" || s["operating_system"] != "Host 1.0" || s["framework"] != "mlperf-ssd v1" {
			t.Errorf("%v", s)
		}
		for _, field := range submission.Fields() {
			if _, there := s[field]; !there {
				t.Errorf("%s is missing", field)
			}
		}
	}
}
