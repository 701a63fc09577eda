// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/engine"
	"mlperf-ssd/proto/ssdpb"
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name:  "bench",
		Usage: "measure one part: train, infer, convolutions, input, rendezvous, allreduce",
		Subcommands: []*cli.Command{
			benchSteps("train", "training steps on made-up input", ssdpb.BenchRequest_TRAIN),
			benchSteps("infer", "inference and detection on made-up input", ssdpb.BenchRequest_INFER),
			benchSteps("convolutions", "the convolutions of a training step alone: its limit", ssdpb.BenchRequest_CONVOLUTIONS),
			benchInput(),
			benchRoofline(),
			benchRendezvous(),
			benchAllreduce(),
		},
	}
}

func benchSteps(name, usage string, what ssdpb.BenchRequest_What) *cli.Command {
	flags := []cli.Flag{
		batchFlag(32),
		precisionFlag("bf16"),
		&cli.Int64Flag{Name: "steps", Value: 5, Usage: "counted steps, after two to warm up"},
		threadsFlag(),
		jsonFlag(),
		engineFlag(),
	}
	trains := what != ssdpb.BenchRequest_INFER
	if trains {
		flags = append(flags, &cli.BoolFlag{Name: "fusions", Value: true, Usage: "as device.fusions: on a GPU, convolutions do work of their neighbours"})
	}
	return &cli.Command{
		Name:        name,
		Usage:       usage,
		Description: "Example: mlperf-ssd bench " + name + " --batch 32 --precision bf16",
		Flags:       flags,
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if err := atLeast("steps", c.Int64("steps"), 1); err != nil {
				return err
			}
			config, err := benchConfig(c)
			if err != nil {
				return err
			}
			config.Device.Fusions = trains && c.Bool("fusions")
			return bench(c, config, &ssdpb.BenchRequest{What: what, Steps: c.Int64("steps")})
		},
	}
}

// benchConfig is the configuration that --precision, --batch and --threads ask for.
func benchConfig(c *cli.Context) (*ssdpb.EngineConfig, error) {
	precision, err := precisionOf(c)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(within("batch", c.Int64("batch"), 1, 1<<16), checkThreads(c)); err != nil {
		return nil, err
	}
	return toolConfig(precision, c.Int64("batch"), c.Int("threads")), nil
}

func bench(c *cli.Context, config *ssdpb.EngineConfig, request *ssdpb.BenchRequest) error {
	return withEngine(c, config, func(e engine.Engine) error {
		report, err := e.Bench(request)
		if err != nil {
			return err
		}
		result := resultOf(report)
		if c.Bool("json") {
			return writeJSON(c.App.Writer, result)
		}
		return result.print(c.App.Writer)
	})
}
