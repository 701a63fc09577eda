// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package roofline

import (
	"fmt"
	"strings"
)

// Device is what a data sheet promises of a GPU.
type Device struct {
	Key            string  `json:"key"` // of --device
	Name           string  `json:"name"`
	FlopsPerSecond float64 `json:"flops_per_second"` // dense f16 on tensor cores, f32 sums
	BytesPerSecond float64 `json:"bytes_per_second"` // of memory
}

// Devices are those whose limit is told, in the order of the tables.
func Devices() []Device {
	return []Device{
		{"a100-pcie", "A100-PCIe-40GB", 312e12, 1555e9},
		{"a100-sxm", "A100-SXM4-80GB", 312e12, 2039e9},
		{"h100", "H100-SXM5-80GB", 989.4e12, 3350e9},
	}
}

// inResults are further GPUs of the round's results.
func inResults() []Device {
	return append(Devices(),
		Device{"", "A100-PCIe-80GB", 312e12, 1935e9},
		Device{"", "A100-SXM4-40GB", 312e12, 1555e9})
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
