// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"mlperf-ssd/orchestrator/internal/roofline"
)

const speedBatch = "114" // of the round's systems of one GPU

// timing is what `bench train --json` prints, as far as it is wanted here.
type timing struct {
	ImagesPerSecond float64 `json:"images_per_second"`
	StepMs          struct {
		Median float64 `json:"median"`
		Min    float64 `json:"min"`
		Max    float64 `json:"max"`
	} `json:"step_ms"`
	Ops     []opTime `json:"ops"`
	Backend string   `json:"backend"`
}

type opTime struct {
	Kind  string  `json:"kind"`
	Ms    float64 `json:"ms"`
	Calls int64   `json:"calls"`
}

// speeds are a step's ops beside the limits of the data sheet. The rates are the better ones of two runs,
// with fusions and without in turn.
type speeds struct {
	ImagesPerSecond float64    `json:"images_per_second"`
	Unfused         float64    `json:"unfused_images_per_second"` // with device.fusions = false
	Limit           float64    `json:"limit_images_per_second,omitempty"`
	MedianMs        float64    `json:"step_ms_median"`
	Sheet           string     `json:"data_sheet"` // of the limits; empty: none is known
	Ops             []opSpeeds `json:"ops"`
}

// opSpeeds is one row. An op on its own is timed with a pause behind it, so the sum is more than a step.
type opSpeeds struct {
	Kind    string  `json:"kind"`
	Calls   int64   `json:"calls"`
	Ms      float64 `json:"ms"`
	Gflop   float64 `json:"gflop,omitempty"`
	MB      float64 `json:"mb,omitempty"`
	LimitMs float64 `json:"limit_ms,omitempty"`
	Percent float64 `json:"percent_of_limit,omitempty"`
	Tflops  float64 `json:"tflops,omitempty"`
	GBps    float64 `json:"gb_per_second,omitempty"`
}

func (f files) speed(ctx context.Context) (any, error) {
	timed, unfused, untimed := f.steps(ctx)
	if timed.ImagesPerSecond == 0 && untimed != nil {
		return nil, untimed
	}
	// What was timed is told, whatever follows.
	limits, unknown := decoded[roofline.Report](ctx, f.program, "bench", "roofline", "--batch="+speedBatch, "--json", "--engine="+f.cpu)
	name, _, _ := strings.Cut(strings.TrimPrefix(timed.Backend, "cuda: "), ",")
	sheet, known := roofline.OfGPU(name)
	result := speeds{ImagesPerSecond: timed.ImagesPerSecond, Unfused: unfused.ImagesPerSecond, MedianMs: timed.StepMs.Median}
	if known {
		result.Sheet = sheet.Name
	}
	result.beside(timed.Ops, &limits, sheet)
	if err := errors.Join(untimed, unknown); err != nil {
		return result, err
	}
	if result.ImagesPerSecond <= 0 {
		return result, fmt.Errorf("%g images/s", result.ImagesPerSecond)
	}
	return result, nil
}

// steps times training with fusions and without, twice in turn.
func (f files) steps(ctx context.Context) (fused, unfused timing, err error) {
	for range 2 {
		for _, best := range []*timing{&fused, &unfused} {
			timed, err := decoded[timing](ctx, f.program, f.onCard("bench", "train", "--batch="+speedBatch, "--steps=50",
				fmt.Sprintf("--fusions=%t", best == &fused), "--json")...)
			if err != nil {
				return fused, unfused, err
			}
			if timed.ImagesPerSecond > best.ImagesPerSecond {
				*best = timed
			}
		}
	}
	return fused, unfused, nil
}

// beside fills the rows; without a data sheet they have no limits.
func (s *speeds) beside(ops []opTime, limits *roofline.Report, sheet roofline.Device) {
	of, total := map[string]roofline.OpLimit{}, 0.0
	for _, limit := range limits.StepLimits(sheet) {
		of[limit.Kind] = limit
		total += limit.Ms
	}
	if s.Sheet != "" && total > 0 {
		s.Limit = 1e3 * float64(limits.Batch) / total
	}
	for _, op := range ops {
		row := opSpeeds{Kind: op.Kind, Calls: op.Calls, Ms: op.Ms}
		if limit, ok := of[op.Kind]; ok && op.Ms > 0 {
			row.Gflop, row.MB = limit.Gflop, limit.MB
			row.Tflops, row.GBps = limit.Gflop/op.Ms, limit.MB/op.Ms
			if s.Sheet != "" {
				row.LimitMs, row.Percent = limit.Ms, 100*limit.Ms/op.Ms
			}
		}
		s.Ops = append(s.Ops, row)
	}
}
