// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package ssdnames

import (
	"fmt"
	"strings"
)

// Tensor is a tensor of the model under the names of two worlds.
type Tensor struct {
	Name  string // in the log; of a running statistic, that of its BatchNorm with a suffix
	Torch string // in torchvision's ResNet-34, "" outside the backbone
	Shape []int64
}

// Backbone are the weights and running statistics of the backbone (spec sections 4 and 15).
func Backbone() []Tensor {
	var all []Tensor
	layer := func(torchConv, torchNorm, prefix string, n int, shape ...int64) {
		all = append(all, Tensor{fmt.Sprintf("%sconv%d_weight", prefix, n), torchConv + ".weight", shape})
		for _, part := range []struct{ torch, ours string }{
			{"weight", "gamma"},
			{"bias", "beta"},
			{"running_mean", "running_mean"},
			{"running_var", "running_var"},
		} {
			name := fmt.Sprintf("%sbatchnorm%d_%s", prefix, n, part.ours)
			all = append(all, Tensor{name, torchNorm + "." + part.torch, shape[:1:1]})
		}
	}
	layer("conv1", "bn1", Net, 0, 64, 3, 7, 7)
	in := int64(64)
	for stage, blocks := range []int{3, 4, 6} {
		prefix := fmt.Sprintf("%sstage%d_", Net, stage+1)
		out := int64(64) << stage
		n := 0
		for block := range blocks {
			torch := fmt.Sprintf("layer%d.%d.", stage+1, block)
			layer(torch+"conv1", torch+"bn1", prefix, n, out, in, 3, 3)
			layer(torch+"conv2", torch+"bn2", prefix, n+1, out, out, 3, 3)
			n += 2
			if in != out {
				layer(torch+"downsample.0", torch+"downsample.1", prefix, n, out, in, 1, 1)
				n++
			}
			in = out
		}
	}
	return all
}

// Model are all weights and running statistics: the 119 tensors of the log and 58 statistics.
func Model() []Tensor {
	all := Backbone()
	conv := func(name string, shape ...int64) {
		all = append(all,
			Tensor{Name: name + "_weight", Shape: shape},
			Tensor{Name: name + "_bias", Shape: shape[:1:1]})
	}
	maps := []int64{256, 512, 512, 256, 256, 256} // channels of the feature maps
	for i, middle := range []int64{256, 256, 128, 128, 128} {
		conv(fmt.Sprintf("ssd0_expand_trans_conv%d", i), middle, maps[i], 1, 1)
		conv(fmt.Sprintf("ssd0_expand_conv%d", i), maps[i+1], middle, 3, 3)
	}
	const outputs = 81 + 4 // of a default box
	for k, boxes := range []int64{4, 6, 6, 6, 4, 4} {
		conv(fmt.Sprintf("ssd0_convpredictor%d_conv0", k), outputs*boxes, maps[k], 3, 3)
	}
	return all
}

// UnusedTorch reports whether a tensor of a torchvision ResNet has no place in the model.
func UnusedTorch(name string) bool {
	return strings.HasPrefix(name, "layer4.") || strings.HasPrefix(name, "fc.") ||
		strings.HasSuffix(name, ".num_batches_tracked")
}
