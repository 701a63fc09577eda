// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"mlperf-ssd/proto/ssdpb"
)

// benchResult is the JSON of `bench`.
type benchResult struct {
	ImagesPerSecond float64     `json:"images_per_second"`
	CPUMsPerImage   float64     `json:"cpu_ms_per_image"`
	StepMs          *spread     `json:"step_ms,omitempty"`
	Ops             []benchTime `json:"ops,omitempty"`
	PeakMemoryBytes int64       `json:"peak_memory_bytes"`
	Backend         string      `json:"backend"`
	Input           *inputPath  `json:"input,omitempty"`
}

// inputPath is who makes the input: "host" or "device", "host" or "nvjpeg".
type inputPath struct {
	Renderer string `json:"renderer"`
	Decoder  string `json:"decoder"`
	Reason   string `json:"reason,omitempty"` // why the host decodes for a device
}

type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

type benchTime struct {
	Kind    string  `json:"kind"`
	Ms      float64 `json:"ms"`
	Percent float64 `json:"percent"`
	Calls   int64   `json:"calls"`
}

func resultOf(report *ssdpb.BenchReport) benchResult {
	result := benchResult{
		ImagesPerSecond: report.ImagesPerSecond,
		CPUMsPerImage:   report.CpuMsPerImage,
		PeakMemoryBytes: report.PeakMemoryBytes,
		Backend:         report.Backend,
	}
	if path := report.Input; path != nil {
		result.Input = &inputPath{path.Renderer, path.Decoder, path.Reason}
	}
	if steps := slices.Sorted(slices.Values(report.StepMs)); len(steps) > 0 {
		result.StepMs = &spread{Median: steps[len(steps)/2], Min: steps[0], Max: steps[len(steps)-1]}
	}
	total := 0.0
	for _, op := range report.Ops {
		total += op.Ms
	}
	for _, op := range report.Ops {
		result.Ops = append(result.Ops, benchTime{op.Kind, op.Ms, 100 * op.Ms / total, op.Calls})
	}
	slices.SortStableFunc(result.Ops, func(a, b benchTime) int { return cmp.Compare(b.Ms, a.Ms) })
	return result
}

func (p inputPath) decoder() string {
	switch {
	case p.Decoder != "host":
		return p.Decoder
	case p.Reason != "":
		return "the host: " + p.Reason
	default:
		return "the host"
	}
}

func (r benchResult) print(w io.Writer) error {
	fmt.Fprintf(w, "%s\n%.2f images/s, %.1f CPU ms an image, peak memory %.2f GB\n",
		r.Backend, r.ImagesPerSecond, r.CPUMsPerImage, float64(r.PeakMemoryBytes)/1e9)
	if r.Input != nil {
		fmt.Fprintf(w, "rendered by the %s, decoded by %s\n", r.Input.Renderer, r.Input.decoder())
	}
	if r.StepMs != nil {
		fmt.Fprintf(w, "step: median %.1f ms, %.1f to %.1f\n", r.StepMs.Median, r.StepMs.Min, r.StepMs.Max)
	}
	if len(r.Ops) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "op\tms\t%\tcalls\t")
	for _, op := range r.Ops {
		fmt.Fprintf(table, "%s\t%.1f\t%.1f\t%d\t\n", op.Kind, op.Ms, op.Percent, op.Calls)
	}
	return table.Flush()
}
