// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package ssdnames

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTorchNamesOfVectorV15(t *testing.T) {
	ours := map[string]string{}
	for _, tensor := range Backbone() {
		ours[tensor.Torch] = tensor.Name
	}
	for torch, want := range map[string]string{
		"layer1.2.bn2.weight":          "stage1_batchnorm5_gamma",
		"layer2.0.downsample.0.weight": "stage2_conv2_weight",
		"layer2.1.conv1.weight":        "stage2_conv3_weight",
		"layer2.3.conv2.weight":        "stage2_conv8_weight",
		"layer3.5.bn2.bias":            "stage3_batchnorm12_beta",
		"bn1.running_var":              "batchnorm0_running_var",
	} {
		if got := ours[torch]; got != Net+want {
			t.Errorf("%s is %q, want %q", torch, got, Net+want)
		}
	}
	for _, torch := range []string{"layer4.0.conv1.weight", "fc.weight", "bn1.num_batches_tracked"} {
		if got, ok := ours[torch]; ok || !UnusedTorch(torch) {
			t.Errorf("%s is %q, want nothing", torch, got)
		}
	}
	for torch := range ours {
		if UnusedTorch(torch) {
			t.Errorf("%s is called unused", torch)
		}
	}
}

func TestModelHasTheLogsTensors(t *testing.T) {
	var trained []string
	statistics := 0
	for _, tensor := range Model() {
		if strings.Contains(tensor.Name, "_running_") {
			statistics++
		} else {
			trained = append(trained, tensor.Name)
		}
	}
	slices.Sort(trained)
	if diff := cmp.Diff(Tensors(), trained); diff != "" {
		t.Error(diff)
	}
	if statistics != 58 {
		t.Errorf("%d running statistics, want 58", statistics)
	}
}

// TestParameterCounts holds the shapes against the counts of spec section 4.
func TestParameterCounts(t *testing.T) {
	counts := map[string]int64{}
	for _, tensor := range Model() {
		part, _, _ := strings.Cut(strings.TrimPrefix(tensor.Name, "ssd0_"), "_")
		if strings.Contains(tensor.Name, "_running_") {
			continue
		}
		n := int64(1)
		for _, extent := range tensor.Shape {
			n *= extent
		}
		counts[strings.TrimRight(part, "0123456789")] += n
	}
	want := map[string]int64{"resnetmlperf": 8_170_304, "expand": 3_574_400, "convpredictor": 8_227_830}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Error(diff)
	}
}
