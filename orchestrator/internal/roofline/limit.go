// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package roofline tells how fast a GPU can train and infer at best: from the operations and the memory
// traffic that the engine counts for the network, and a data sheet.
package roofline

import (
	"fmt"

	"mlperf-ssd/proto/ssdpb"
)

// kernel is what runs as one: an operation and what it takes in.
type kernel struct {
	name      string
	inference bool
	flops     float64
	bytes     float64
}

// seconds at best: the slower of computing and moving.
func (k kernel) seconds(d Device) float64 {
	return max(k.flops/d.FlopsPerSecond, k.bytes/d.BytesPerSecond)
}

type hostKey struct {
	name string
	pass ssdpb.Layer_Pass
}

// kernelsOf gives the kernels of layers. Fused, an operation goes to the conv or normalise of the node and
// pass that takes it in.
func kernelsOf(layers []*ssdpb.Layer, fused bool) ([]kernel, error) {
	var kernels []kernel
	hosts := map[hostKey]int{}
	for _, layer := range layers {
		if fused && layer.FusedInto != "" {
			continue
		}
		if layer.Kind == "conv" || layer.Kind == "normalise" {
			hosts[hostKey{layer.Name, layer.Pass}] = len(kernels)
		}
		kernels = append(kernels, kernel{
			name:      layer.Name,
			inference: layer.Pass == ssdpb.Layer_INFERENCE,
			flops:     float64(layer.Flops),
			bytes:     float64(layer.BytesUnfused), // of one that stands alone both are equal
		})
	}
	if !fused {
		return kernels, nil
	}
	for _, layer := range layers {
		if layer.FusedInto == "" {
			continue
		}
		host, ok := hosts[hostKey{layer.FusedInto, layer.Pass}]
		if !ok {
			return nil, fmt.Errorf("roofline: %s %s is fused into %s, which has no kernel", layer.Name, layer.Kind, layer.FusedInto)
		}
		kernels[host].bytes += float64(layer.BytesFused)
	}
	return kernels, nil
}

// Limit is what a device can reach at best.
type Limit struct {
	// ImagesPerSecond if every kernel runs at its limit, one after the other.
	ImagesPerSecond float64 `json:"images_per_second"`
	// ComputeBound and MemoryBound if all operations, all traffic came at the peak rate.
	ComputeBound float64 `json:"compute_images_per_second"`
	MemoryBound  float64 `json:"memory_images_per_second"`
	// MemoryPercent of the time is spent in kernels that memory holds back.
	MemoryPercent float64 `json:"memory_percent"`
}

func limitOf(kernels []kernel, inference bool, batch int64, device Device) Limit {
	var total, waiting, flops, bytes float64
	for _, k := range kernels {
		if k.inference != inference {
			continue
		}
		seconds := k.seconds(device)
		total += seconds
		if k.bytes/device.BytesPerSecond > k.flops/device.FlopsPerSecond {
			waiting += seconds
		}
		flops += k.flops
		bytes += k.bytes
	}
	images := float64(batch)
	return Limit{
		ImagesPerSecond: images / total,
		ComputeBound:    images * device.FlopsPerSecond / flops,
		MemoryBound:     images * device.BytesPerSecond / bytes,
		MemoryPercent:   100 * waiting / total,
	}
}
