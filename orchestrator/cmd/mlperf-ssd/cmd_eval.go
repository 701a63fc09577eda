// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/proto/ssdpb"
)

func evalCommand() *cli.Command {
	return &cli.Command{
		Name:  "eval",
		Usage: "score detections: COCO box AP, equal to pycocotools in every digit",
		Description: "Reads the annotations and detections as COCO's JSON and gives the 12 numbers of the\n" +
			"protocol; -1 (a dash in the table) is a number that no object defines.\n\n" +
			"Example: mlperf-ssd eval --annotations instances_val2017.json --detections detections.json --per-class",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "annotations", Required: true, Usage: "ground truth `FILE`: instances_*.json with area and iscrowd"},
			&cli.StringFlag{Name: "detections", Required: true, Usage: "`FILE`: a list of image_id, category_id, bbox, score"},
			&cli.BoolFlag{Name: "per-class", Usage: "also AP and AP50 of every category"},
			&cli.StringFlag{Name: "sort", Value: "id", Usage: "order of the categories: id, name, ap (best first) or objects (most first)"},
			threadsFlag(),
			jsonFlag(),
			engineFlag(),
		},
		Action: runEval,
	}
}

func runEval(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	order, ok := categoryOrders()[c.String("sort")]
	if !ok {
		return usageError(fmt.Errorf("--sort is %q, must be id, name, ap or objects", c.String("sort")))
	}
	if err := checkThreads(c); err != nil {
		return err
	}
	library, err := openEngine(c)
	if err != nil {
		return err
	}
	report, err := unlessStopped(c.Context, func() (*ssdpb.ScoreReport, error) {
		return library.Score(&ssdpb.ScoreRequest{
			Annotations: c.String("annotations"),
			Detections:  c.String("detections"),
			Threads:     int32(c.Int("threads")),
		})
	})
	if err != nil {
		return fmt.Errorf("eval: %w", err)
	}
	result := evaluationOf(report)
	slices.SortStableFunc(result.Categories, order)
	if !c.Bool("per-class") {
		result.Categories = nil
	}
	for _, warning := range report.Warnings {
		fmt.Fprintln(c.App.ErrWriter, "mlperf-ssd: eval: warning: "+warning)
	}
	if c.Bool("json") {
		return writeJSON(c.App.Writer, result)
	}
	return result.print(c.App.Writer)
}

// evaluation is the JSON of `eval`. -1 is undefined.
type evaluation struct {
	Stats      []float64       `json:"stats"` // pycocotools' order
	Numbers    []number        `json:"numbers"`
	Categories []categoryScore `json:"categories,omitempty"`
	Warnings   []string        `json:"warnings"`
}

type categoryScore struct {
	ID      int64   `json:"id"`
	Name    string  `json:"name"`
	AP      float64 `json:"ap"`
	AP50    float64 `json:"ap50"`
	Objects int64   `json:"objects"` // crowds not counted
}

// number is one of the 12, with what it is taken over.
type number struct {
	Name          string  `json:"name"`
	IoU           string  `json:"iou"`
	Area          string  `json:"area"`
	MaxDetections int     `json:"max_detections"` // of an image and category
	Value         float64 `json:"value"`
}

func theTwelve() []number {
	const allIoU = "0.50:0.95"
	return []number{
		{"AP", allIoU, "all", 100, -1},
		{"AP50", "0.50", "all", 100, -1},
		{"AP75", "0.75", "all", 100, -1},
		{"AP small", allIoU, "small", 100, -1},
		{"AP medium", allIoU, "medium", 100, -1},
		{"AP large", allIoU, "large", 100, -1},
		{"AR 1", allIoU, "all", 1, -1},
		{"AR 10", allIoU, "all", 10, -1},
		{"AR 100", allIoU, "all", 100, -1},
		{"AR small", allIoU, "small", 100, -1},
		{"AR medium", allIoU, "medium", 100, -1},
		{"AR large", allIoU, "large", 100, -1},
	}
}

func categoryOrders() map[string]func(a, b categoryScore) int {
	return map[string]func(a, b categoryScore) int{
		"id":      func(a, b categoryScore) int { return cmp.Compare(a.ID, b.ID) },
		"name":    func(a, b categoryScore) int { return cmp.Compare(a.Name, b.Name) },
		"ap":      func(a, b categoryScore) int { return cmp.Compare(b.AP, a.AP) },
		"objects": func(a, b categoryScore) int { return cmp.Compare(b.Objects, a.Objects) },
	}
}

func evaluationOf(report *ssdpb.ScoreReport) evaluation {
	result := evaluation{Stats: report.Stats, Numbers: theTwelve(), Warnings: report.Warnings}
	for i := range result.Numbers {
		result.Numbers[i].Value = report.Stats[i]
	}
	if result.Warnings == nil {
		result.Warnings = []string{}
	}
	for _, category := range report.Categories {
		result.Categories = append(result.Categories, categoryScore{
			category.Id, category.Name, category.Ap, category.Ap50, category.Objects,
		})
	}
	return result
}

func (e evaluation) print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\tIoU\tarea\tdetections\tvalue")
	for _, n := range e.Numbers {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", n.Name, n.IoU, n.Area, n.MaxDetections, digits(n.Value))
	}
	if len(e.Categories) > 0 {
		fmt.Fprintln(table, "\ncategory\tid\tobjects\tAP\tAP50")
	}
	for _, c := range e.Categories {
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%s\n", printable(c.Name), c.ID, c.Objects, digits(c.AP), digits(c.AP50))
	}
	return table.Flush()
}

func digits(value float64) string {
	if value < 0 {
		return "-"
	}
	return fmt.Sprintf("%.6f", value)
}
