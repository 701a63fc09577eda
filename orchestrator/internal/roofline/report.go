// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package roofline

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"mlperf-ssd/proto/ssdpb"
)

// Count gives the layers of the network for batches of a size.
type Count func(batch int64) ([]*ssdpb.Layer, error)

// Report is all that is known, per image where nothing else is said. Its JSON is what `bench roofline
// --json` prints.
type Report struct {
	Batch      int64         `json:"batch"`
	Training   Work          `json:"training"`
	Inference  Work          `json:"inference"`
	Devices    []DeviceLimit `json:"devices"`
	Operations []Operation   `json:"operations"`
	Nodes      []Node        `json:"nodes"`
	Layers     []Layer       `json:"layers"`
	Results    []Result      `json:"results"`
}

// Work is operations and memory traffic.
type Work struct {
	Gflop     float64 `json:"gflop"`
	MBUnfused float64 `json:"mb_unfused"`
	MBFused   float64 `json:"mb_fused"`
}

func (w *Work) add(layer Layer) {
	w.Gflop += layer.Gflop
	w.MBUnfused += layer.MBUnfused
	w.MBFused += layer.MBFused
}

// DeviceLimit is the limits of one device.
type DeviceLimit struct {
	Device
	TrainingUnfused  Limit `json:"training_unfused"`
	TrainingFused    Limit `json:"training_fused"`
	InferenceUnfused Limit `json:"inference_unfused"`
	InferenceFused   Limit `json:"inference_fused"`
}

// Layer is one operation of the engine's count.
type Layer struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	Pass string `json:"pass"`
	Work
	FusedInto string `json:"fused_into,omitempty"`
}

// Result is what a system of the v1.1 round reached, a GPU, beside the limit at its batch. Limit is 0 if
// the data sheet of its GPU is not known.
type Result struct {
	System          string  `json:"system"`
	Accelerator     string  `json:"accelerator"`
	GPUs            int     `json:"gpus"`
	Batch           int64   `json:"batch"`
	ImagesPerSecond float64 `json:"images_per_second"`
	Limit           float64 `json:"limit_images_per_second"`
	Percent         float64 `json:"percent"`
}

// New makes the report for batches of a size on devices.
func New(count Count, batch int64, devices []Device) (*Report, error) {
	layers, err := count(batch)
	if err != nil {
		return nil, err
	}
	if len(layers) == 0 {
		return nil, errors.New("roofline: the engine names no layers: it is another one, or older than this program")
	}
	unfused, _ := kernelsOf(layers, false)
	fused, err := kernelsOf(layers, true)
	if err != nil {
		return nil, err
	}
	report := &Report{Batch: batch, Layers: perImage(layers, batch)}
	for _, layer := range report.Layers {
		if layer.Pass == passName(ssdpb.Layer_INFERENCE) {
			report.Inference.add(layer)
		} else {
			report.Training.add(layer)
		}
	}
	for _, device := range devices {
		report.Devices = append(report.Devices, DeviceLimit{
			Device:           device,
			TrainingUnfused:  limitOf(unfused, false, batch, device),
			TrainingFused:    limitOf(fused, false, batch, device),
			InferenceUnfused: limitOf(unfused, true, batch, device),
			InferenceFused:   limitOf(fused, true, batch, device),
		})
	}
	report.Operations = operationsOf(report.Layers)
	report.Nodes = nodesOf(report.Layers, fused, batch, devices)
	report.Results, err = resultsBeside(count)
	return report, err
}

func perImage(layers []*ssdpb.Layer, batch int64) []Layer {
	images := float64(batch)
	all := make([]Layer, len(layers))
	for i, layer := range layers {
		all[i] = Layer{
			Name: layer.Name, Kind: layer.Kind, Pass: passName(layer.Pass), FusedInto: layer.FusedInto,
			Work: Work{
				Gflop:     float64(layer.Flops) / images / 1e9,
				MBUnfused: float64(layer.BytesUnfused) / images / 1e6,
				MBFused:   float64(layer.BytesFused) / images / 1e6,
			},
		}
	}
	return all
}

func passName(pass ssdpb.Layer_Pass) string {
	switch pass {
	case ssdpb.Layer_FORWARD:
		return "forward"
	case ssdpb.Layer_DATA_GRADIENT:
		return "data gradient"
	case ssdpb.Layer_WEIGHT_GRADIENT:
		return "weight gradient"
	case ssdpb.Layer_UPDATE:
		return "update"
	case ssdpb.Layer_INFERENCE:
		return "inference"
	}
	return fmt.Sprintf("pass %d", pass)
}

// resultsBeside sets the results beside the limits of their GPUs in training with all fusions, best first.
func resultsBeside(count Count) ([]Result, error) {
	fused := map[int64][]kernel{}
	var beside []Result
	for _, r := range results() {
		if fused[r.batch] == nil {
			layers, err := count(r.batch)
			if err != nil {
				return nil, err
			}
			if fused[r.batch], err = kernelsOf(layers, true); err != nil {
				return nil, err
			}
		}
		row := Result{System: r.system, Accelerator: r.accelerator, GPUs: r.gpus, Batch: r.batch,
			ImagesPerSecond: r.imagesPerSecond / float64(r.gpus)}
		for _, s := range sheets() {
			if s.Name == r.accelerator {
				row.Limit = limitOf(fused[r.batch], false, r.batch, s.Device).ImagesPerSecond
				row.Percent = 100 * row.ImagesPerSecond / row.Limit
			}
		}
		beside = append(beside, row)
	}
	slices.SortStableFunc(beside, func(a, b Result) int { return cmp.Compare(b.ImagesPerSecond, a.ImagesPerSecond) })
	return beside, nil
}
