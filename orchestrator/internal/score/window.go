// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package score

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Window gives the runs that a submission takes of those that were made (spec section 14): more than
// five are sorted by their time stamps, and the five consecutive ones with the median score are taken,
// a failed run counting as infinitely slow. Of two in the middle it is the slower, and of windows that
// score the same the earlier. Five runs or fewer are all taken, in their order.
func Window(runs []Run) []Run {
	if len(runs) <= OfficialRuns {
		return runs
	}
	sorted := byStart(runs)
	windows := make([][]Run, 0, len(runs)-OfficialRuns+1)
	for i := range cap(windows) {
		windows = append(windows, sorted[i:i+OfficialRuns])
	}
	slices.SortStableFunc(windows, func(a, b []Run) int { return cmp.Compare(worth(a), worth(b)) })
	median := worth(windows[len(windows)/2])
	at := slices.IndexFunc(windows, func(w []Run) bool { return worth(w) == median })
	return windows[at]
}

// worth is the score of runs, infinite if there is none.
func worth(runs []Run) float64 {
	minutes := make([]float64, len(runs))
	for i, run := range runs {
		minutes[i] = math.Inf(1)
		if run.Succeeded() {
			minutes[i] = *run.Minutes
		}
	}
	slices.Sort(minutes)
	sum := 0.0
	for _, v := range minutes[1 : len(minutes)-1] {
		sum += v
	}
	return sum / float64(len(minutes)-2)
}

// byStart sorts runs by when they started. One whose log does not say it stays behind the one before.
func byStart(runs []Run) []Run {
	type dated struct {
		Run
		at float64
	}
	all := make([]dated, len(runs))
	for i, run := range runs {
		all[i].Run, all[i].at = run, math.Inf(-1)
		if run.started != nil {
			all[i].at = *run.started
		} else if i > 0 {
			all[i].at = all[i-1].at
		}
	}
	slices.SortStableFunc(all, func(a, b dated) int { return cmp.Compare(a.at, b.at) })
	sorted := make([]Run, len(all))
	for i, d := range all {
		sorted[i] = d.Run
	}
	return sorted
}

// Choice says which runs of how many a window has; empty if it has all.
func Choice(window []Run, made int) string {
	if made == len(window) {
		return ""
	}
	return fmt.Sprintf("%s to %s: of %d runs by their start, the %d in a row with the median score",
		window[0].base(), window[len(window)-1].base(), made, OfficialRuns)
}
