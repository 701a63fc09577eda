// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/annotations"
)

func prepareAnnotationsCommand() *cli.Command {
	return &cli.Command{
		Name:      "annotations",
		Usage:     "make a bbox-only annotation file from one of COCO's",
		ArgsUsage: "IN OUT",
		Description: "The result is, byte for byte, what Python's json module makes. The validation file needs --keep-keys.\n" +
			"Example: mlperf-ssd prepare annotations --keep-keys instances_val2017.json bbox_only_instances_val2017.json",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "keep-keys", Usage: "keep all keys of annotations, with empty segmentations and areas of 1.0"},
			&cli.IntFlag{Name: "indent", Usage: "spaces a level (0 = no white space)"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			arguments, err := lateFlags(c)
			if err != nil {
				return err
			}
			if len(arguments) != 2 {
				return usageError(errors.New("prepare annotations takes the file to read and the file to make"))
			}
			o := annotations.Options{KeepKeys: c.Bool("keep-keys"), Indent: c.Int("indent")}
			if err := within("indent", o.Indent, 0, 16); err != nil {
				return err
			}
			in, out := arguments[0], arguments[1]
			counts, err := annotations.Convert(c.Context, in, out, o)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return writeJSON(c.App.Writer, struct {
					Output string `json:"output"`
					annotations.Counts
				}{out, counts})
			}
			_, err = fmt.Fprintf(c.App.Writer, "%s: %d images, %d annotations, %d categories\n",
				out, counts.Images, counts.Annotations, counts.Categories)
			return err
		},
	}
}
