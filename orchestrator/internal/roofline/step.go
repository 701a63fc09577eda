// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package roofline

import "slices"

// OpLimit is what all ops of a kind need at least of a training step, with all fusions. Kinds are those
// of `bench train`: "conv forward", "batch_norm backward", "sgd".
type OpLimit struct {
	Kind  string  `json:"kind"`
	Gflop float64 `json:"gflop"`
	MB    float64 `json:"mb"`
	Ms    float64 `json:"ms"` // each kernel at the slower of computing and moving
}

// StepLimits sums the layers of a step of the report's batch by the kind of the node that runs them, in
// the order of the kinds' first layers.
func (r *Report) StepLimits(device Device) []OpLimit {
	nodes := map[string]string{} // kind by name
	for _, layer := range r.Layers {
		switch layer.Kind {
		case "conv":
			nodes[layer.Name] = "conv"
		case "normalise":
			nodes[layer.Name] = "batch_norm"
		}
	}
	type key struct{ name, pass, kind string }
	kernels := map[key]*Work{}
	var order []key
	add := func(k key, gflop, mb float64) {
		if kernels[k] == nil {
			kernels[k] = &Work{}
			order = append(order, k)
		}
		kernels[k].Gflop += gflop * float64(r.Batch)
		kernels[k].MBFused += mb * float64(r.Batch)
	}
	for _, layer := range r.Layers {
		if layer.Pass == "inference" {
			continue
		}
		if layer.FusedInto == "" {
			add(key{layer.Name, layer.Pass, layer.Kind}, layer.Gflop, layer.MBUnfused)
			continue
		}
		host := "conv"
		if nodes[layer.FusedInto] == "batch_norm" {
			host = "normalise"
		}
		add(key{layer.FusedInto, layer.Pass, host}, 0, layer.MBFused)
	}
	var limits []OpLimit
	for _, k := range order {
		kind := opKind(nodes[k.name], k.pass, k.kind)
		place := slices.IndexFunc(limits, func(l OpLimit) bool { return l.Kind == kind })
		if place < 0 {
			place = len(limits)
			limits = append(limits, OpLimit{Kind: kind})
		}
		work := kernels[k]
		limits[place].Gflop += work.Gflop
		limits[place].MB += work.MBFused
		limits[place].Ms += 1e3 * max(1e9*work.Gflop/device.FlopsPerSecond, 1e6*work.MBFused/device.BytesPerSecond)
	}
	return limits
}

// opKind is how `bench train` calls what a layer of a node belongs to.
func opKind(node, pass, layer string) string {
	switch {
	case pass == "update":
		return "sgd"
	case layer == "multibox":
		return layer
	case node == "":
		node = layer
	}
	if pass == "forward" {
		return node + " forward"
	}
	return node + " backward"
}
