// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/proto/ssdpb"
)

func benchInput() *cli.Command {
	return &cli.Command{
		Name:  "input",
		Usage: "the input pipeline on a data set",
		Description: "From files to batches that the network can take: those of the host, or with an engine for GPUs those\n" +
			"that the device renders, in its memory; the report says who rendered and who decoded.\n" +
			"Example: mlperf-ssd bench input --data data/coco2017 --batch 114 --precision fp16 --decoder nvjpeg",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data", Required: true, Usage: "COCO root `DIR`"},
			splitFlag(),
			&cli.StringFlag{Name: "decoder", Value: "auto", Usage: "of images on a GPU: auto, host or nvjpeg"},
			batchFlag(32),
			precisionFlag("bf16"),
			&cli.Float64Flag{Name: "seconds", Value: 5, Usage: "to read for, through the data set as often as that takes"},
			threadsFlag(),
			jsonFlag(),
			engineFlag(),
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			config, err := benchConfig(c)
			if err != nil {
				return err
			}
			if s := c.Float64("seconds"); !(s > 0) || math.IsInf(s, 1) {
				return usageError(fmt.Errorf("--seconds is %v, must be above 0 and finite", s))
			}
			train, err := isTrain(c)
			if err != nil {
				return err
			}
			decoder, ok := ssdpb.DataConfig_Decoder_value[strings.ToUpper(c.String("decoder"))]
			if !ok {
				return usageError(fmt.Errorf("--decoder is %q, must be auto, host or nvjpeg", c.String("decoder")))
			}
			config.Data.Decoder = ssdpb.DataConfig_Decoder(decoder)
			request := &ssdpb.BenchRequest{What: ssdpb.BenchRequest_INPUT_VAL, Seconds: c.Float64("seconds")}
			if train {
				request.What = ssdpb.BenchRequest_INPUT_TRAIN
			}
			config.Data.Dir = c.String("data")
			return bench(c, config, request)
		},
	}
}
