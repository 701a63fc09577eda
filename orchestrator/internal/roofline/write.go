// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package roofline

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"

	"mlperf-ssd/proto/ssdpb"
)

// Style is how a report is written.
type Style int

// The styles.
const (
	Text Style = iota
	Markdown
)

// Write writes the report; command is the command line that made it, named on the first line in Markdown.
func (r *Report) Write(w io.Writer, style Style, command string) error {
	p := page{style: style}
	if style == Markdown {
		p.line("<!-- Made by `" + command + "`; run it again instead of editing. -->")
		p.line("# What a GPU can reach at best")
		p.line("")
	}
	p.line(fmt.Sprintf("An image in a batch of %d, f16, counted from the network's graph (engine/model/traffic.h).", r.Batch))
	p.section("Work of an image", r.workTable())
	p.note("MB of memory traffic: every tensor once for each kernel that reads or writes it. Unfused is a kernel for",
		"each operation, fused takes every fusion that cuDNN builds for f16 channels last. The design's estimate on",
		"paper: 94.8 GFLOP, 459 MB, 275 MB; limits of about 2,500 images/s on an A100-PCIe and 7,000 on an H100. This",
		"count also has the loss, the biases' own passes, f32 heads and padding: without them it is within 1% of 459.")
	p.section("Limit, images/s", r.limitTable())
	p.note("The limit: every kernel takes what is longer, computing at the peak of dense f16 on tensor cores or moving",
		"at the peak of the memory, one kernel after the other. Beside it the rate if all operations, all traffic came",
		"at the peak, and the share of the limit's time in kernels that memory holds back.")
	p.section("v1.1 results, images/s of a GPU, beside the limit of training at their batch", r.resultTable())
	p.section("Operations: what fusions save", r.operationTable())
	p.note("Taken in: how many of them stand in another operation's kernel. A BatchNorm is statistics and normalise;",
		"in the data gradient, the sums for gamma and beta, and the gradient of its input. What cuDNN refuses is not",
		"counted as fused: statistics in the 7x7 convolution (its BatchNorm is a kernel of its own), f32 weight",
		"gradients (f16, converted in the update), a BatchNorm that writes a mask (a ReLU's gradient reads its output,",
		"or the input of its BatchNorm). Nor the sums of a BatchNorm whose residual was added before the ReLU.",
		"The plans that cuDNN 9.19 builds from device properties for the sums in a data gradient need a workspace of",
		"a whole f32 map on A100, of a hundredth of it on H100: on A100 the engine sums in a pass of its own, with",
		fmt.Sprintf("%.2f MB more. On H100 they fuse behind a residual too.", sumsTakenIn(r.Layers)))
	p.section("Layers in training", r.nodeTable(false))
	p.note("MB: forward, data gradient, weight gradient, with all fusions. Microseconds: of the layer's own kernels.")
	p.section("Layers in inference", r.nodeTable(true))
	_, err := w.Write(p.Bytes())
	return err
}

// sumsTakenIn is the traffic that BatchNorm's sums save in data gradients, in MB.
func sumsTakenIn(layers []Layer) float64 {
	saved := 0.0
	for _, layer := range layers {
		if layer.Kind == "statistics" && layer.Pass == passName(ssdpb.Layer_DATA_GRADIENT) {
			saved += layer.MBUnfused - layer.MBFused
		}
	}
	return saved
}

// page collects what is written; a bytes.Buffer never fails.
type page struct {
	bytes.Buffer
	style Style
}

func (p *page) line(text string) { p.WriteString(text + "\n") }

func (p *page) section(title string, t *table) {
	if p.style == Markdown {
		p.line("\n## " + title + "\n")
		_ = t.writeMarkdown(p)
		return
	}
	p.line("\n" + title)
	_ = t.writeText(p)
}

func (p *page) note(lines ...string) {
	p.line("")
	for _, text := range lines {
		p.line(text)
	}
}

func (r *Report) workTable() *table {
	t := &table{words: 1}
	t.add("", "GFLOP", "MB unfused", "MB fused")
	t.add("training", r.Training.Gflop, r.Training.MBUnfused, r.Training.MBFused)
	t.add("inference", r.Inference.Gflop, r.Inference.MBUnfused, r.Inference.MBFused)
	return t
}

func rounded(x float64) string { return fmt.Sprintf("%.0f", math.Round(x)) }

func (r *Report) limitTable() *table {
	t := &table{words: 2}
	t.add("device", "", "TFLOP/s", "GB/s", "unfused", "fused", "all compute", "all traffic", "memory-bound %")
	for _, d := range r.Devices {
		row := func(what string, unfused, fused Limit) {
			t.add(d.Name, what, fmt.Sprintf("%.1f", d.FlopsPerSecond/1e12), rounded(d.BytesPerSecond/1e9),
				rounded(unfused.ImagesPerSecond), rounded(fused.ImagesPerSecond),
				rounded(fused.ComputeBound), rounded(fused.MemoryBound), rounded(fused.MemoryPercent))
		}
		row("training", d.TrainingUnfused, d.TrainingFused)
		row("inference", d.InferenceUnfused, d.InferenceFused)
	}
	return t
}

func (r *Report) resultTable() *table {
	t := &table{words: 2}
	t.add("system", "GPU", "GPUs", "batch", "images/s", "limit", "%")
	for _, b := range r.Results {
		t.add(b.System, b.Accelerator, b.GPUs, b.Batch, rounded(b.ImagesPerSecond), rounded(b.Limit), rounded(b.Percent))
	}
	return t
}

func (r *Report) operationTable() *table {
	t := &table{words: 2}
	t.add("operation", "pass", "number", "taken in", "GFLOP", "MB unfused", "MB fused")
	for _, o := range r.Operations {
		t.add(o.Kind, o.Pass, o.Count, o.Fused, o.Gflop, o.MBUnfused, o.MBFused)
	}
	return t
}

func (r *Report) nodeTable(inference bool) *table {
	t := &table{words: 1}
	head := []any{"layer", "GFLOP", "MB unfused", "MB fused"}
	if !inference {
		head = append(head, "MB forward", "MB data", "MB weight")
	}
	for _, d := range r.Devices {
		head = append(head, "us "+d.Name)
	}
	t.add(head...)
	for _, node := range r.Nodes {
		var all Work
		for pass, work := range node.Passes {
			if (pass == "inference") == inference {
				all.add(Layer{Work: work})
			}
		}
		if all == (Work{}) {
			continue
		}
		row := []any{shortened(node.Name), all.Gflop, all.MBUnfused, all.MBFused}
		if !inference {
			for _, pass := range []string{"forward", "data gradient", "weight gradient"} {
				row = append(row, node.Passes[pass].MBFused)
			}
		}
		for _, spent := range node.Microseconds {
			if inference {
				row = append(row, spent.Inference)
			} else {
				row = append(row, spent.Training)
			}
		}
		t.add(row...)
	}
	return t
}

// shortened leaves out what all names share.
func shortened(name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, "ssd0_"), "resnetmlperf0_")
}
