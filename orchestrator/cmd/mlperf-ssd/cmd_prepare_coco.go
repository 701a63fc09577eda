// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/coco"
	"mlperf-ssd/orchestrator/internal/progress"
)

func prepareCOCOCommand() *cli.Command {
	return &cli.Command{
		Name:      "coco",
		Usage:     "download COCO 2017, unpack it, and make its bbox-only annotation files",
		ArgsUsage: "DIR",
		Description: "What is in DIR already is kept, what broke off goes on. About 42 GB of disk are needed; 20 GB of them are the archives.\n" +
			"Example: mlperf-ssd prepare coco --remove-archives /data/coco2017",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "base-url", Value: coco.BaseURL, Usage: "where zips/ and annotations/ with the archives are"},
			&cli.IntFlag{Name: "jobs", Value: 3, Usage: "archives at once, and files of each that are written at once"},
			&cli.BoolFlag{Name: "keep-archives", Usage: "leave the archives in DIR (the default)"},
			&cli.BoolFlag{Name: "remove-archives", Usage: "remove the archives when all is made"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			dir, err := oneFolder(c)
			if err != nil {
				return err
			}
			if c.Bool("keep-archives") && c.Bool("remove-archives") {
				return usageError(errors.New("--keep-archives and --remove-archives exclude each other"))
			}
			if err := within("jobs", c.Int("jobs"), 1, 64); err != nil {
				return err
			}
			if err := checkURL("--base-url", c.String("base-url")); err != nil {
				return usageError(fmt.Errorf("prepare coco: %w", err))
			}
			shown := progress.NewTransfers(os.Stderr)
			report, err := coco.Prepare(c.Context, dir, coco.Options{
				BaseURL: c.String("base-url"), Jobs: c.Int("jobs"), Remove: c.Bool("remove-archives"), Log: newLogger(), Progress: shown.Update,
			})
			shown.Clear()
			if err != nil {
				return err
			}
			return printCOCO(c, report)
		},
	}
}

func printCOCO(c *cli.Context, report coco.Report) error {
	if c.Bool("json") {
		return writeJSON(c.App.Writer, report)
	}
	for _, item := range report.Items {
		size := ""
		switch {
		case item.Files > 0:
			size = fmt.Sprintf(": %d files, %.1f MB", item.Files, float64(item.Bytes)/1e6)
		case item.Bytes > 0:
			size = fmt.Sprintf(": %.1f MB", float64(item.Bytes)/1e6)
		}
		fmt.Fprintf(c.App.Writer, "%-8s %s%s\n", item.State, item.Name, size)
	}
	if !report.Changed() {
		fmt.Fprintf(c.App.Writer, "%s: all is there, nothing done\n", report.Dir)
	}
	return nil
}
