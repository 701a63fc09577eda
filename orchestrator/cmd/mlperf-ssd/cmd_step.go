// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"math"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/engine"
	"mlperf-ssd/orchestrator/internal/weights"
	"mlperf-ssd/proto/ssdpb"
)

func stepCommand() *cli.Command {
	return &cli.Command{
		Name:  "step",
		Usage: "run one step on a prepared input and write outputs, loss, gradients, parameters",
		Description: "The input is what `mlperf-ssd sample` writes, or a safetensors file with image [N,3,300,300] f32,\n" +
			"normalised, and for training label [N,8732] i32 and offset [N,8732,4] f32, or boxes [M,4] f32\n" +
			"(ltrb in 0..1), labels [M] i32 and counts [N] i32. The output has scores, offsets, loss,\n" +
			"grad.<name>, and with --update param.<name> and the running statistics.\n" +
			"Example: mlperf-ssd step --weights resnet34-333f7ec4.pth --input in.safetensors --output out.safetensors",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "weights", Usage: "safetensors or .pth; none = random"},
			&cli.StringFlag{Name: "input", Required: true, Usage: "safetensors `FILE`"},
			&cli.StringFlag{Name: "output", Required: true, Usage: "safetensors `FILE`"},
			precisionFlag("f32"),
			&cli.StringFlag{Name: "mode", Value: "train", Usage: "train or eval"},
			&cli.BoolFlag{Name: "update", Usage: "update the parameters too (momentum starts at zero)"},
			&cli.Float64Flag{Name: "lr", Value: 0.001, Usage: "learning rate of --update"},
			&cli.Float64Flag{Name: "weight-decay", Value: 0.0005, Usage: "of --update"},
			threadsFlag(),
			engineFlag(),
		},
		Action: runStep,
	}
}

func runStep(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	precision, err := precisionOf(c)
	if err != nil {
		return err
	}
	mode := c.String("mode")
	if mode != "train" && mode != "eval" {
		return usageError(fmt.Errorf("--mode is %q, must be train or eval", mode))
	}
	if mode == "eval" && c.Bool("update") {
		return usageError(errors.New("--update needs --mode train"))
	}
	err = errors.Join(checkThreads(c), within("lr", c.Float64("lr"), 0, math.MaxFloat32),
		within("weight-decay", c.Float64("weight-decay"), 0, math.MaxFloat32))
	if err != nil {
		return err
	}
	file, done, err := weights.Temporary(c.String("weights"))
	if err != nil {
		return err
	}
	defer done()
	return withEngine(c, toolConfig(precision, 1, c.Int("threads")), func(e engine.Engine) error {
		return e.Inspect(&ssdpb.InspectRequest{What: &ssdpb.InspectRequest_Step_{Step: &ssdpb.InspectRequest_Step{
			Input:       c.String("input"),
			Output:      c.String("output"),
			Train:       mode == "train",
			Update:      c.Bool("update"),
			Lr:          c.Float64("lr"),
			WeightDecay: c.Float64("weight-decay"),
			Weights:     file,
		}}})
	})
}
