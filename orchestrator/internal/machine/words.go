// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package machine says in words what a host is: for people, and for the system description of a
// submission.
package machine

import (
	"fmt"
	"strings"

	"mlperf-ssd/orchestrator/internal/discover"
)

// processorName is "2 x AMD EPYC 7302 16-Core Processor".
func processorName(p discover.Processors) string {
	model := p.Model
	if model == "" {
		model = "unknown processor"
	}
	return fmt.Sprintf("%d x %s", p.Sockets, model)
}

// frequency puts "3.30 GHz" into a format; empty if it is not known.
func frequency(format string, mhz int) string {
	if mhz == 0 {
		return ""
	}
	return fmt.Sprintf(format, fmt.Sprintf("%.2f GHz", float64(mhz)/1000))
}

// optional puts text into a format; empty stays empty.
func optional(format, text string) string {
	if text == "" {
		return ""
	}
	return fmt.Sprintf(format, text)
}

// present are the texts that are not empty.
func present(texts ...string) []string {
	var some []string
	for _, text := range texts {
		if text != "" {
			some = append(some, text)
		}
	}
	return some
}

// cacheText is "L1d 32 KiB x32, L2 512 KiB x32".
func cacheText(caches []discover.Cache) string {
	var texts []string
	for _, c := range caches {
		kind := map[string]string{"Data": "d", "Instruction": "i"}[c.Kind]
		texts = append(texts, fmt.Sprintf("L%d%s %s x%d", c.Level, kind, binaryBytes(c.Bytes), c.Count))
	}
	return strings.Join(texts, ", ")
}

// binaryBytes is "512 KiB" or "39.6 GiB".
func binaryBytes(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	value, unit := float64(n), 0
	for value >= 1024 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", value), ".0") + " " + units[unit]
}
