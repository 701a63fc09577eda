// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/progress"
	"mlperf-ssd/orchestrator/internal/toydata"
)

func prepareCommand() *cli.Command {
	return &cli.Command{
		Name:        "prepare",
		Usage:       "make data sets and weight files that runs read",
		Subcommands: []*cli.Command{prepareToyCommand(), prepareCOCOCommand(), prepareAnnotationsCommand(), prepareBackboneCommand(), prepareVerifyCommand()},
	}
}

func prepareToyCommand() *cli.Command {
	return &cli.Command{
		Name:        "toy",
		Usage:       "draw a small data set in COCO's format",
		ArgsUsage:   "DIR",
		Description: "Example: mlperf-ssd prepare toy data/toy --train 512 --val 128",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "train", Value: 512, Usage: "training images that have a box"},
			&cli.IntFlag{Name: "val", Value: 128, Usage: "validation images"},
			&cli.BoolFlag{Name: "easy", Usage: "one class of large objects: learnt from some hundred images"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "of what is drawn"},
			&cli.BoolFlag{Name: "force", Usage: "write over what is in DIR"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			dir, err := oneFolder(c)
			if err != nil {
				return err
			}
			params := toydata.Params{Train: c.Int("train"), Val: c.Int("val"), Easy: c.Bool("easy"), Seed: c.Uint64("seed")}
			if err := params.Check(); err != nil {
				return usageError(fmt.Errorf("prepare toy: --%w", err))
			}
			shown := progress.NewCounter(os.Stderr, "drawing")
			summary, err := toydata.Generate(c.Context, dir, params, toydata.Options{Force: c.Bool("force"), Progress: shown.Update})
			shown.Clear()
			if err != nil {
				return err
			}
			return printToy(c, dir, summary)
		},
	}
}

func printToy(c *cli.Context, dir string, s toydata.Summary) error {
	if c.Bool("json") {
		return writeJSON(c.App.Writer, struct {
			Dir   string `json:"dir"`
			Drawn bool   `json:"drawn"`
			toydata.Summary
		}{dir, s.Drawn, s})
	}
	verb := "drawn"
	if !s.Drawn {
		verb = "already there, nothing done"
	}
	_, err := fmt.Fprintf(c.App.Writer, "%s: %s: train %d images (%d with boxes, %d boxes), val %d images (%d boxes), %.1f MB\n",
		dir, verb, s.TrainImages, s.Train, s.TrainBoxes, s.ValImages, s.ValBoxes, float64(s.Bytes)/1e6)
	return err
}
