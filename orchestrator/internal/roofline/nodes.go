// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package roofline

// Operation is what all layers of a kind and pass compute and move, and how many of them are taken into
// another's kernel.
type Operation struct {
	Kind  string `json:"kind"`
	Pass  string `json:"pass"`
	Count int    `json:"count"`
	Fused int    `json:"fused"`
	Work
}

// operationsOf sums layers, in the order in which kinds and passes come first.
func operationsOf(layers []Layer) []Operation {
	type key struct{ kind, pass string }
	places := map[key]int{}
	var operations []Operation
	for _, layer := range layers {
		k := key{layer.Kind, layer.Pass}
		place, ok := places[k]
		if !ok {
			place = len(operations)
			places[k] = place
			operations = append(operations, Operation{Kind: layer.Kind, Pass: layer.Pass})
		}
		operations[place].Count++
		if layer.FusedInto != "" {
			operations[place].Fused++
		}
		operations[place].add(layer)
	}
	return operations
}

// Node is a node of the network: its work by pass, and the shortest time of its own fused kernels on each
// device in microseconds an image. What another node's kernel takes in counts there.
type Node struct {
	Name         string          `json:"name"`
	Passes       map[string]Work `json:"passes"`
	Microseconds []NodeTime      `json:"microseconds"`
}

// NodeTime is of one device.
type NodeTime struct {
	Device    string  `json:"device"`
	Training  float64 `json:"training"`
	Inference float64 `json:"inference"`
}

func nodesOf(layers []Layer, fused []kernel, batch int64, devices []Device) []Node {
	places := map[string]int{}
	var nodes []Node
	for _, layer := range layers {
		place, ok := places[layer.Name]
		if !ok {
			place = len(nodes)
			places[layer.Name] = place
			node := Node{Name: layer.Name, Passes: map[string]Work{}}
			for _, device := range devices {
				node.Microseconds = append(node.Microseconds, NodeTime{Device: device.Name})
			}
			nodes = append(nodes, node)
		}
		work := nodes[place].Passes[layer.Pass]
		work.add(layer)
		nodes[place].Passes[layer.Pass] = work
	}
	for _, k := range fused {
		for i, device := range devices {
			spent := &nodes[places[k.name]].Microseconds[i]
			microseconds := 1e6 * k.seconds(device) / float64(batch)
			if k.inference {
				spent.Inference += microseconds
			} else {
				spent.Training += microseconds
			}
		}
	}
	return nodes
}
