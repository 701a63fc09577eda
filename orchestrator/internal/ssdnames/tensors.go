// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package ssdnames knows the names of the model's tensors: as the MLPerf log has them (spec section
// 12) and as PyTorch has them (section 15).
package ssdnames

import (
	"fmt"
	"slices"
)

// Net is the prefix of the backbone's names.
const Net = "ssd0_resnetmlperf0_"

// Tensors are the names of the 119 trained tensors in the log, sorted as strings.
func Tensors() []string {
	var names []string
	backbone := func(prefix string, layers int) {
		for n := range layers {
			names = append(names,
				fmt.Sprintf("%sconv%d_weight", prefix, n),
				fmt.Sprintf("%sbatchnorm%d_gamma", prefix, n),
				fmt.Sprintf("%sbatchnorm%d_beta", prefix, n))
		}
	}
	backbone(Net, 1)
	for stage, layers := range []int{6, 9, 13} {
		backbone(fmt.Sprintf("%sstage%d_", Net, stage+1), layers)
	}
	for _, part := range []string{"weight", "bias"} {
		for i := range 5 {
			names = append(names,
				fmt.Sprintf("ssd0_expand_trans_conv%d_%s", i, part),
				fmt.Sprintf("ssd0_expand_conv%d_%s", i, part))
		}
		for k := range 6 {
			names = append(names, fmt.Sprintf("ssd0_convpredictor%d_conv0_%s", k, part))
		}
	}
	slices.Sort(names)
	return names
}
