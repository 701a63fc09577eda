// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package roofline

// result is what a system of the v1.1 round reached on A100s: images a second of all its GPUs.
type result struct {
	system          string
	accelerator     string
	gpus            int
	batch           int64 // of a GPU
	imagesPerSecond float64
}

func results() []result {
	return []result{
		{"Fujitsu PRIMERGY GX2460 M1", "A100-PCIe-40GB", 4, 114, 4847},
		{"NVIDIA DGX A100", "A100-SXM4-80GB", 8, 114, 12222},
		{"NVIDIA DGX A100 x8", "A100-SXM4-80GB", 64, 24, 76186},
		{"NVIDIA DGX A100 x128", "A100-SXM4-80GB", 1024, 3, 386344},
		{"Azure ND96amsr A100 v4", "A100-SXM4-80GB", 8, 114, 12164},
		{"Azure ND96amsr A100 v4 x8", "A100-SXM4-80GB", 64, 24, 74669},
		{"Azure ND96amsr A100 v4 x128", "A100-SXM4-80GB", 1024, 3, 393256},
		{"Dell DSS8440 10xA100", "A100-PCIe-80GB", 10, 114, 12610},
		{"Dell DSS8440 8xA100-40GB", "A100-PCIe-40GB", 8, 114, 9034},
		{"Dell DSS8440 8xA100-40GB NVBridge", "A100-PCIe-40GB", 8, 114, 9344},
		{"Dell DSS8440 8xA100-80GB", "A100-PCIe-80GB", 8, 114, 10282},
		{"Dell R750xa 4xA100-80GB", "A100-PCIe-80GB", 4, 228, 5500},
		{"Dell R750xa 4xA100-80GB (8368)", "A100-PCIe-80GB", 4, 228, 5484},
		{"Dell R750xa x8", "A100-PCIe-80GB", 32, 48, 35109},
		{"Dell XE8545 4xA100-40GB", "A100-SXM4-40GB", 4, 114, 5922},
		{"Dell XE8545 4xA100-80GB", "A100-SXM4-80GB", 4, 114, 6201},
		{"Dell XE8545 x2", "A100-SXM4-80GB", 8, 114, 11940},
		{"GIGABYTE G492-ID0", "A100-SXM4-80GB", 8, 114, 12287},
		{"HPE ProLiant XL675d Gen10 Plus", "A100-SXM4-80GB", 8, 114, 12100},
		{"Inspur NF5488A5", "A100-SXM4-80GB", 8, 114, 12685},
		{"Inspur NF5688M6", "A100-SXM4-80GB", 8, 114, 12644},
		{"Lenovo SD650-N V2 4xA100", "A100-SXM4-80GB", 4, 114, 6284},
		{"Lenovo SR670 V2 4xA100 SXM", "A100-SXM4-80GB", 4, 114, 6258},
		{"Lenovo SR670 V2 8xA100 PCIe", "A100-PCIe-80GB", 8, 114, 10814},
		{"Supermicro AS-2124GQ-NART+", "A100-SXM4-80GB", 4, 228, 6132},
		{"Supermicro SYS-420GP-TNAR", "A100-SXM4-80GB", 8, 114, 12668},
	}
}
