// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/engine"
	"mlperf-ssd/orchestrator/internal/roofline"
	"mlperf-ssd/proto/ssdpb"
)

const rooflineBatch = 114

func benchRoofline() *cli.Command {
	return &cli.Command{
		Name:  "roofline",
		Usage: "operations and memory traffic of every layer, and the limit of GPUs; runs nothing",
		Description: "Counts the network's graph in f16, with and without fusions, beside the peak rates of data sheets\n" +
			"and the results of the v1.1 round. Needs no GPU and no data.\n\n" +
			"Example: mlperf-ssd bench roofline --device h100",
		Flags: []cli.Flag{
			batchFlag(rooflineBatch),
			&cli.StringFlag{Name: "device", Value: "all", Usage: "a100-pcie, a100-sxm, h100 or all"},
			&cli.BoolFlag{Name: "markdown", Usage: "as docs/gpu-roofline.md"},
			jsonFlag(),
			engineFlag(),
		},
		Action: runBenchRoofline,
	}
}

func runBenchRoofline(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	if c.Bool("markdown") && c.Bool("json") {
		return usageError(errors.New("--markdown and --json exclude each other"))
	}
	if err := within("batch", c.Int64("batch"), 1, 1<<20); err != nil {
		return err
	}
	devices, err := roofline.Pick(c.String("device"))
	if err != nil {
		return usageError(err)
	}
	report, err := roofline.New(func(batch int64) ([]*ssdpb.Layer, error) { return layersOf(c, batch) }, c.Int64("batch"), devices)
	if err != nil {
		return err
	}
	switch {
	case c.Bool("json"):
		return writeJSON(c.App.Writer, report)
	case c.Bool("markdown"):
		return report.Write(c.App.Writer, roofline.Markdown, rooflineCommand(c))
	default:
		return report.Write(c.App.Writer, roofline.Text, "")
	}
}

// layersOf asks the engine.
func layersOf(c *cli.Context, batch int64) (layers []*ssdpb.Layer, err error) {
	config := toolConfig(ssdpb.ModelConfig_F32, batch, 0)
	err = withEngine(c, config, func(e engine.Engine) error {
		report, err := e.Bench(&ssdpb.BenchRequest{What: ssdpb.BenchRequest_ROOFLINE})
		layers = report.GetLayers()
		return err
	})
	return layers, err
}

// rooflineCommand makes the same report again.
func rooflineCommand(c *cli.Context) string {
	command := "mlperf-ssd bench roofline --markdown"
	if batch := c.Int64("batch"); batch != rooflineBatch {
		command += fmt.Sprintf(" --batch %d", batch)
	}
	if device := c.String("device"); device != "all" {
		command += " --device " + device
	}
	return command
}
