// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// inputSpeeds are of both splits, with each decoder.
type inputSpeeds struct {
	Runs []inputSpeed `json:"runs"`
}

// inputSpeed is what `bench input --json` prints, of the toy data set.
type inputSpeed struct {
	Split           string  `json:"split"`
	ImagesPerSecond float64 `json:"images_per_second"`
	CPUMsPerImage   float64 `json:"cpu_ms_per_image"`
	Input           struct {
		Renderer string `json:"renderer"`
		Decoder  string `json:"decoder"`
		Reason   string `json:"reason,omitempty"`
	} `json:"input"`
}

// inputs times batches that the card renders, with the decoder that it has and with the host's.
func (f files) inputs(ctx context.Context) (any, error) {
	data, err := f.toyData(ctx)
	if err != nil {
		return nil, err
	}
	var speeds inputSpeeds
	for _, split := range []string{"train", "val"} {
		for _, decoder := range []string{"auto", "host"} {
			timed, err := decoded[inputSpeed](ctx, f.program, f.onCard("bench", "input", "--data="+data, "--split="+split,
				"--decoder="+decoder, "--batch="+speedBatch, "--json")...)
			if err != nil {
				return speeds, err
			}
			timed.Split = split
			speeds.Runs = append(speeds.Runs, timed)
			if by := timed.Input.Renderer; by != "device" {
				return speeds, fmt.Errorf("images of %s are rendered by the %s", split, by)
			}
		}
	}
	return speeds, nil
}

// toyData is the drawn data set, made by the first that asks.
func (f files) toyData(ctx context.Context) (string, error) {
	data := filepath.Join(f.work, "toy")
	if _, err := os.Stat(data); err == nil {
		return data, nil
	}
	_, err := output(ctx, f.program, "prepare", "toy", data)
	if err != nil {
		err = errors.Join(err, os.RemoveAll(data))
	}
	return data, err
}
