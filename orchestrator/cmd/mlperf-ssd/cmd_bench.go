// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/engine"
	"mlperf-ssd/proto/ssdpb"
)

func splitFlag() cli.Flag {
	return &cli.StringFlag{Name: "split", Value: "train", Usage: "train or val"}
}

func isTrain(c *cli.Context) (bool, error) {
	split := c.String("split")
	if split != "train" && split != "val" {
		return false, usageError(fmt.Errorf("--split is %q, must be train or val", split))
	}
	return split == "train", nil
}

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
		&cli.Int64Flag{Name: "batch", Value: 32},
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
		Name:  name,
		Usage: usage,
		Flags: flags,
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
			&cli.Int64Flag{Name: "batch", Value: 32},
			precisionFlag("bf16"),
			&cli.Float64Flag{Name: "seconds", Value: 5},
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

// benchResult is the JSON of `bench`.
type benchResult struct {
	ImagesPerSecond float64     `json:"images_per_second"`
	CPUMsPerImage   float64     `json:"cpu_ms_per_image"`
	StepMs          *spread     `json:"step_ms,omitempty"`
	Ops             []benchTime `json:"ops,omitempty"`
	PeakMemoryBytes int64       `json:"peak_memory_bytes"`
	Backend         string      `json:"backend"`
	Input           *inputPath  `json:"input,omitempty"`
}

// inputPath is who makes the input: "host" or "device", "host" or "nvjpeg".
type inputPath struct {
	Renderer string `json:"renderer"`
	Decoder  string `json:"decoder"`
	Reason   string `json:"reason,omitempty"` // why the host decodes for a device
}

type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

type benchTime struct {
	Kind    string  `json:"kind"`
	Ms      float64 `json:"ms"`
	Percent float64 `json:"percent"`
	Calls   int64   `json:"calls"`
}

func resultOf(report *ssdpb.BenchReport) benchResult {
	result := benchResult{
		ImagesPerSecond: report.ImagesPerSecond,
		CPUMsPerImage:   report.CpuMsPerImage,
		PeakMemoryBytes: report.PeakMemoryBytes,
		Backend:         report.Backend,
	}
	if path := report.Input; path != nil {
		result.Input = &inputPath{path.Renderer, path.Decoder, path.Reason}
	}
	if steps := slices.Sorted(slices.Values(report.StepMs)); len(steps) > 0 {
		result.StepMs = &spread{Median: steps[len(steps)/2], Min: steps[0], Max: steps[len(steps)-1]}
	}
	total := 0.0
	for _, op := range report.Ops {
		total += op.Ms
	}
	for _, op := range report.Ops {
		result.Ops = append(result.Ops, benchTime{op.Kind, op.Ms, 100 * op.Ms / total, op.Calls})
	}
	slices.SortStableFunc(result.Ops, func(a, b benchTime) int {
		if a.Ms > b.Ms {
			return -1
		}
		return 1
	})
	return result
}

func (p inputPath) decoder() string {
	switch {
	case p.Decoder != "host":
		return p.Decoder
	case p.Reason != "":
		return "the host: " + p.Reason
	default:
		return "the host"
	}
}

func (r benchResult) print(w io.Writer) error {
	fmt.Fprintf(w, "%s\n%.2f images/s, %.1f CPU ms an image, peak memory %.2f GB\n",
		r.Backend, r.ImagesPerSecond, r.CPUMsPerImage, float64(r.PeakMemoryBytes)/1e9)
	if r.Input != nil {
		fmt.Fprintf(w, "rendered by the %s, decoded by %s\n", r.Input.Renderer, r.Input.decoder())
	}
	if r.StepMs != nil {
		fmt.Fprintf(w, "step: median %.1f ms, %.1f to %.1f\n", r.StepMs.Median, r.StepMs.Min, r.StepMs.Max)
	}
	if len(r.Ops) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "op\tms\t%\tcalls\t")
	for _, op := range r.Ops {
		fmt.Fprintf(table, "%s\t%.1f\t%.1f\t%d\t\n", op.Kind, op.Ms, op.Percent, op.Calls)
	}
	return table.Flush()
}
