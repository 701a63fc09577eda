// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/engine"
	"mlperf-ssd/orchestrator/internal/progress"
	"mlperf-ssd/proto/ssdpb"
)

// shownFindings is how many findings of a kind are kept.
const shownFindings = 100

func prepareVerifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "decode every image of a COCO data set and look at every box",
		ArgsUsage: "DIR",
		Description: "Exit 1 if a run on DIR would fail. What a run can live with, like grayscale images, is told only.\n" +
			"Example: mlperf-ssd prepare verify --json /data/coco2017",
		Flags: []cli.Flag{
			threadsFlag(),
			jsonFlag(),
			engineFlag(),
		},
		Action: func(c *cli.Context) error {
			dir, err := oneFolder(c)
			if err != nil {
				return err
			}
			if err := checkThreads(c); err != nil {
				return err
			}
			library, err := openEngine(c)
			if err != nil {
				return err
			}
			shown := progress.NewCounter(os.Stderr, "decoding")
			report, err := verify(c.Context, library, shown, &ssdpb.VerifyRequest{
				Dir: dir, Threads: int32(c.Int("threads")), MaxFindings: shownFindings,
			})
			shown.Clear()
			if err != nil {
				return err
			}
			found := verification(dir, report)
			if c.Bool("json") {
				err = writeJSON(c.App.Writer, found)
			} else {
				err = found.print(c.App.Writer)
			}
			if err == nil && !found.Pass {
				err = fmt.Errorf("prepare verify: a run on %s would fail: %d of the findings say so", dir, found.Fatal)
			}
			return err
		},
	}
}

// verify asks the engine and shows how far it is.
func verify(ctx context.Context, library *engine.Library, shown *progress.Counter, request *ssdpb.VerifyRequest) (*ssdpb.VerifyReport, error) {
	return unlessStopped(ctx, func() (*ssdpb.VerifyReport, error) {
		current := ""
		return library.Verify(request, func(split string, done, all int) {
			if split != current {
				current = split
				shown.Begin("decoding " + split + ":")
			}
			shown.Update(done, all)
		})
	})
}

// verified is the JSON of a verification.
type verified struct {
	Dir      string            `json:"dir"`
	Pass     bool              `json:"pass"`
	Fatal    int64             `json:"fatal"`
	Splits   []verifiedSplit   `json:"splits"`
	Counts   map[string]int64  `json:"counts"` // of findings, by kind
	Findings []verifiedFinding `json:"findings"`

	kinds []string // in the report's order
}

type verifiedSplit struct {
	Name            string `json:"name"`
	Annotations     string `json:"annotations"`
	Images          int64  `json:"images"`
	ImagesWithBoxes int64  `json:"images_with_boxes"`
	Boxes           int64  `json:"boxes"`
	CrowdBoxes      int64  `json:"crowd_boxes"`
	Decoded         int64  `json:"decoded"`
}

type verifiedFinding struct {
	Kind   string `json:"kind"`
	Fatal  bool   `json:"fatal"`
	File   string `json:"file"`
	Detail string `json:"detail"`
}

func verification(dir string, report *ssdpb.VerifyReport) verified {
	v := verified{Dir: dir, Pass: report.Fatal == 0, Fatal: report.Fatal, Splits: []verifiedSplit{}, Counts: map[string]int64{}, Findings: []verifiedFinding{}}
	for _, s := range report.Splits {
		v.Splits = append(v.Splits, verifiedSplit{s.Name, s.Annotations, s.Images, s.ImagesWithBoxes, s.Boxes, s.CrowdBoxes, s.Decoded})
	}
	for _, c := range report.Counts {
		v.Counts[c.Kind] = c.Count
		v.kinds = append(v.kinds, c.Kind)
	}
	for _, f := range report.Findings {
		v.Findings = append(v.Findings, verifiedFinding{f.Kind, f.Fatal, f.File, f.Detail})
	}
	return v
}

func (v verified) print(w io.Writer) error {
	var out strings.Builder
	for i, f := range v.Findings {
		if i > 0 && f == v.Findings[i-1] { // of both splits
			continue
		}
		level := "note"
		if f.Fatal {
			level = "error"
		}
		detail := f.Detail
		if !strings.HasPrefix(detail, f.File) {
			detail = f.File + ": " + detail
		}
		fmt.Fprintf(&out, "%s: %s: %s\n", level, f.Kind, strings.Map(visible, detail))
	}
	for _, s := range v.Splits {
		fmt.Fprintf(&out, "%s: %d images, %d with boxes, %d decoded; %d boxes, %d of crowds\n",
			s.Name, s.Images, s.ImagesWithBoxes, s.Decoded, s.Boxes, s.CrowdBoxes)
	}
	for _, kind := range v.kinds {
		if n := v.Counts[kind]; n > 0 {
			fmt.Fprintf(&out, "%s: %d\n", kind, n)
		}
	}
	if v.Pass {
		fmt.Fprintf(&out, "%s: a run can use it\n", v.Dir)
	}
	_, err := io.WriteString(w, out.String())
	return err
}
