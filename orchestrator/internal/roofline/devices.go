// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package roofline

import (
	"fmt"
	"slices"
	"strings"
)

// Device is what a data sheet promises of a GPU.
type Device struct {
	Key            string  `json:"key"` // of --device; empty: not in the tables
	Name           string  `json:"name"`
	FlopsPerSecond float64 `json:"flops_per_second"` // dense f16 on tensor cores, f32 sums
	BytesPerSecond float64 `json:"bytes_per_second"` // of memory
}

// sheet is a GPU that can be asked for by the name that its driver gives it: it has all of these words.
type sheet struct {
	Device
	words []string
}

// sheets are in the order in which a name is looked for.
func sheets() []sheet {
	return []sheet{
		{Device{"", "A100-PCIe-80GB", 312e12, 1935e9}, []string{"A100", "PCI", "80GB"}},
		{Device{"a100-pcie", "A100-PCIe-40GB", 312e12, 1555e9}, []string{"A100", "PCI"}},
		{Device{"a100-sxm", "A100-SXM4-80GB", 312e12, 2039e9}, []string{"A100", "SXM4", "80GB"}},
		{Device{"", "A100-SXM4-40GB", 312e12, 1555e9}, []string{"A100", "SXM4"}},
		{Device{"", "H100-PCIe-80GB", 756.5e12, 2000e9}, []string{"H100", "PCI"}},
		{Device{"h100", "H100-SXM5-80GB", 989.4e12, 3350e9}, []string{"H100", "HBM3"}},
		{Device{"", "H200-SXM5-141GB", 989.4e12, 4800e9}, []string{"H200"}},
	}
}

// Devices are those whose limit is told, in the order of the tables.
func Devices() []Device {
	var told []Device
	for _, s := range sheets() {
		if s.Key != "" {
			told = append(told, s.Device)
		}
	}
	return told
}

// OfGPU is the data sheet of a GPU by the name that its driver gives it. A part of one (MIG) has none.
func OfGPU(name string) (Device, bool) {
	if strings.Contains(name, "MIG") {
		return Device{}, false
	}
	for _, s := range sheets() {
		if !slices.ContainsFunc(s.words, func(word string) bool { return !strings.Contains(name, word) }) {
			return s.Device, true
		}
	}
	return Device{}, false
}

// Pick is the device of a key, or all of them.
func Pick(key string) ([]Device, error) {
	keys := []string{"all"}
	for _, device := range Devices() {
		if device.Key == key {
			return []Device{device}, nil
		}
		keys = append(keys, device.Key)
	}
	if key == "all" {
		return Devices(), nil
	}
	return nil, fmt.Errorf("roofline: device is %q, must be one of %s", key, strings.Join(keys, ", "))
}
