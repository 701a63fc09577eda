// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"mlperf-ssd/orchestrator/internal/worker"
)

// Sizes of the picture, in characters. A bar of barWidth reaches the target or the best accuracy.
const (
	barWidth    = 40
	chartWidth  = 60
	chartHeight = 5
)

// End is how a run ended beyond what its outcome says.
type End struct {
	Target  float64
	Smoke   bool // it need not reach the target
	Stopped bool // by a failure or from outside
}

// Picture draws the mean loss of each epoch and the accuracy of each evaluation, with the target; nothing
// of a run that was stopped before its first step.
func Picture(o worker.Outcome, end End) string {
	if end.Stopped && o.Steps == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(chart("loss", o.Losses))
	scale := math.Max(end.Target, o.BestAP)
	for i, s := range o.Accuracy {
		fmt.Fprintf(&b, "AP    epoch %3d  %.4f  %s", s.Epoch, s.AP, bar(s.AP, end.Target, scale))
		if i == 0 {
			fmt.Fprintf(&b, "  (| is the target, %.2f)", end.Target)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%s: %s, %d steps in %s, %.1f images/s, best AP %.4f\n",
		verdict(o, end), count(o.Epochs, "epoch"), o.Steps, Duration(o.RunSeconds), o.ImagesPerSecond, o.BestAP)
	if s := o.Skipped; s != (worker.Skipped{}) {
		fmt.Fprintf(&b, "bad images skipped: %d in training, %d in evaluations (`mlperf-ssd prepare verify` names them)\n", s.Train, s.Eval)
	}
	return b.String()
}

func verdict(o worker.Outcome, end End) string {
	switch {
	case o.Status == "success":
		return "target reached"
	case end.Stopped:
		return "stopped"
	case end.Smoke:
		return "done, a short run that need not reach the target"
	default:
		return "ended below the target"
	}
}

func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// chart draws values, one an epoch, as columns from zero to the greatest; empty of none.
func chart(name string, values []float64) string {
	if len(values) == 0 || !(slices.Max(values) > 0) { // NaN and zeros have no picture
		return ""
	}
	if len(values) == 1 {
		return fmt.Sprintf("\n%-5s %.3f in the only epoch\n", name, values[0])
	}
	columns := resampled(values, chartWidth)
	width := max(1, min(4, chartWidth/len(columns)))
	top := slices.Max(columns)
	blocks := []rune(" ▁▂▃▄▅▆▇█")
	eighths := len(blocks) - 1
	var b strings.Builder
	b.WriteByte('\n')
	for row := chartHeight - 1; row >= 0; row-- {
		label := ""
		if row == chartHeight-1 {
			label = fmt.Sprintf("%s %.2f", name, top)
		}
		var line strings.Builder
		for _, v := range columns {
			filled := int(math.Round(v/top*float64(chartHeight*eighths))) - row*eighths
			line.WriteString(strings.Repeat(string(blocks[max(0, min(eighths, filled))]), width))
		}
		fmt.Fprintf(&b, "%12s │%s\n", label, strings.TrimRight(line.String(), " "))
	}
	fmt.Fprintf(&b, "%12s └%s\n", "0", strings.Repeat("─", width*len(columns)))
	fmt.Fprintf(&b, "%12s  %s, the last %.3f\n", "", count(int64(len(values)), "epoch"), values[len(values)-1])
	return b.String()
}

// resampled is at most n means of neighbours.
func resampled(values []float64, n int) []float64 {
	if len(values) <= n {
		return values
	}
	means := make([]float64, n)
	for i := range means {
		part := values[i*len(values)/n : (i+1)*len(values)/n]
		for _, v := range part {
			means[i] += v / float64(len(part))
		}
	}
	return means
}

// bar draws a value from 0 to scale, and where the target stands.
func bar(value, target, scale float64) string {
	if scale <= 0 {
		return ""
	}
	filled := int(math.Round(value / scale * barWidth))
	mark := int(math.Round(target / scale * barWidth))
	var b strings.Builder
	for i := range max(filled, mark+1) {
		switch {
		case i == mark:
			b.WriteRune('|')
		case i < filled:
			b.WriteRune('█')
		default:
			b.WriteRune('·')
		}
	}
	return b.String()
}
