// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package roofline

import "testing"

func TestOfGPU(t *testing.T) {
	for name, want := range map[string]string{
		"NVIDIA A100-PCIE-40GB":            "A100-PCIe-40GB",
		"NVIDIA A100 80GB PCIe":            "A100-PCIe-80GB",
		"NVIDIA A100-SXM4-80GB":            "A100-SXM4-80GB",
		"NVIDIA A100-SXM4-40GB":            "A100-SXM4-40GB",
		"NVIDIA H100 80GB HBM3":            "H100-SXM5-80GB",
		"NVIDIA H100 PCIe":                 "H100-PCIe-80GB",
		"NVIDIA H200":                      "H200-SXM5-141GB",
		"NVIDIA A100-SXM4-40GB MIG 1g.5gb": "",
		"NVIDIA L4":                        "",
	} {
		if got, ok := OfGPU(name); got.Name != want || ok != (want != "") {
			t.Errorf("%s: %q, want %q", name, got.Name, want)
		}
	}
}
