// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/engine"
	"mlperf-ssd/proto/ssdpb"
)

func sampleCommand() *cli.Command {
	return &cli.Command{
		Name:  "sample",
		Usage: "prepare one image as training or evaluation would and write it as safetensors",
		Description: "The file has image, boxes, labels, label and offset, and the numbers drawn for crop, mirror and colour.\n" +
			"Example: mlperf-ssd sample --data data/toy --split train --epoch 2 --image-id 7 --output sample.safetensors",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data", Required: true, Usage: "COCO root `DIR`"},
			splitFlag(),
			&cli.Int64Flag{Name: "epoch", Value: 1, Usage: "pass over the data set, from 1"},
			&cli.Int64Flag{Name: "image-id", Required: true, Usage: "of COCO's annotations"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "of the run, as its log has it"},
			&cli.IntFlag{Name: "max-samples", Value: 1, Usage: "crop attempts an option: 1 or 50"},
			&cli.StringFlag{Name: "output", Required: true, Usage: "safetensors `FILE`"},
			engineFlag(),
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			train, err := isTrain(c)
			if err != nil {
				return err
			}
			if err := atLeast("epoch", c.Int64("epoch"), 1); err != nil {
				return err
			}
			if n := c.Int("max-samples"); n != 1 && n != 50 {
				return usageError(fmt.Errorf("--max-samples is %d, must be 1 or 50", n))
			}
			config := toolConfig(ssdpb.ModelConfig_F32, 1, 1)
			config.Seed = c.Uint64("seed")
			config.Data.Dir = c.String("data")
			config.Data.MaxSamples = int32(c.Int("max-samples"))
			return withEngine(c, config, func(e engine.Engine) error {
				return e.Inspect(&ssdpb.InspectRequest{What: &ssdpb.InspectRequest_Sample_{Sample: &ssdpb.InspectRequest_Sample{
					Train:   train,
					Epoch:   c.Int64("epoch"),
					ImageId: c.Int64("image-id"),
					Output:  c.String("output"),
				}}})
			})
		},
	}
}
