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

// barWidth is the width of a bar that reaches the target or the best accuracy.
const barWidth = 40

// Picture draws the mean loss of each epoch and the accuracy of each evaluation, with the target.
func Picture(o worker.Outcome, target float64) string {
	var b strings.Builder
	if n := len(o.Losses); n > 0 {
		fmt.Fprintf(&b, "\nloss  %s  %.3f -> %.3f over %d epochs\n", spark(o.Losses), o.Losses[0], o.Losses[n-1], n)
	}
	scale := math.Max(target, o.BestAP)
	for _, s := range o.Accuracy {
		fmt.Fprintf(&b, "AP    epoch %3d  %.4f  %s\n", s.Epoch, s.AP, bar(s.AP, target, scale))
	}
	end := "ended below the target"
	if o.Status == "success" {
		end = "target reached"
	}
	fmt.Fprintf(&b, "%s: %d epochs, %d steps in %s, %.1f images/s, best AP %.4f (target %.2f)\n",
		end, o.Epochs, o.Steps, Duration(o.RunSeconds), o.ImagesPerSecond, o.BestAP, target)
	return b.String()
}

// spark draws values as blocks between their least and greatest.
func spark(values []float64) string {
	const blocks = "▁▂▃▄▅▆▇█"
	levels := []rune(blocks)
	low, high := slices.Min(values), slices.Max(values)
	var b strings.Builder
	for _, v := range values {
		level := 0
		if high > low {
			level = int((v - low) / (high - low) * float64(len(levels)-1))
		}
		b.WriteRune(levels[level])
	}
	return b.String()
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
