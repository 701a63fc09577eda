// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package ssdnames

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTensors(t *testing.T) {
	names := Tensors()
	if len(names) != 119 || !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != 119 {
		t.Errorf("%d names, want 119, sorted, each once", len(names))
	}
	// Vector V15, and the ends of every series of spec section 12.
	for _, name := range []string{
		"ssd0_resnetmlperf0_conv0_weight", "ssd0_resnetmlperf0_batchnorm0_beta",
		"ssd0_resnetmlperf0_stage1_batchnorm5_gamma", "ssd0_resnetmlperf0_stage2_conv8_weight",
		"ssd0_resnetmlperf0_stage2_conv2_weight", "ssd0_resnetmlperf0_stage3_batchnorm12_beta",
		"ssd0_expand_trans_conv4_weight", "ssd0_expand_conv0_bias", "ssd0_convpredictor5_conv0_bias",
	} {
		if !slices.Contains(names, name) {
			t.Errorf("no %s", name)
		}
	}
}

func TestTensorsAreThoseOfAnAcceptedLog(t *testing.T) {
	log, err := os.ReadFile("../../../../shared/mlperf-logs/fujitsu-gx2460m1/result_0.txt")
	if err != nil {
		t.Skip("the accepted log is not here: ", err)
	}
	var want []string
	for _, match := range regexp.MustCompile(`"tensor": "([a-z0-9_]+)"`).FindAllSubmatch(log, -1) {
		want = append(want, string(match[1]))
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, Tensors()); diff != "" {
		t.Error(diff)
	}
}
