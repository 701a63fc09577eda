// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package score

import (
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"

	"mlperf-ssd/orchestrator/internal/rcp"
)

// WriteSet writes a set for people: its runs, then what they are worth.
func WriteSet(w io.Writer, s Set) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "log\tminutes\tepochs\taccuracy\timages/s\tresult")
	for _, r := range s.Runs {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", r.base(), shown(r.Minutes, "%.3f"), shown(r.Epochs, "%v"),
			shown(r.Accuracy, "%.5f"), shown(r.Throughput, "%.0f"), r.result())
	}
	_ = table.Flush()
	fmt.Fprintf(w, "\n%s:\n", s.Name)
	if s.Choice != "" {
		fmt.Fprintf(w, "  runs    %s\n", s.Choice)
	}
	fmt.Fprintf(w, "  score   %s (%s)\n", shown(s.Score, "%.3f minutes"), s.Statement)
	if s.Scaled != nil {
		fmt.Fprintf(w, "  scaled  %.3f minutes (score x %.4f)\n", *s.Scaled, s.RCP.Factor)
	}
	fmt.Fprintf(w, "  median  %s minutes, epoch %s, %s images/s, batch size %s\n", shown(s.Median, "%.3f"), shown(s.Epochs, "%v"),
		shown(s.Throughput, "%.0f"), shown(s.GlobalBatch, "%v"))
	if s.RCP != nil {
		fmt.Fprintf(w, "  RCP     %s\n", verdict(*s.RCP))
	}
	if s.Seeds != nil {
		fmt.Fprintf(w, "  seeds   %s\n", word(s.Seeds.Pass))
		for _, warning := range s.Seeds.Warnings {
			fmt.Fprintf(w, "          warning: %s\n", warning)
		}
	}
	for _, problem := range s.Problems {
		fmt.Fprintf(w, "  error: %s\n", problem)
	}
}

// WriteTable writes a line a set.
func WriteTable(w io.Writer, sets []Set) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "set\truns\tfailed\tbatch\tscore\tmedian\tepochs\timages/s\tRCP\tseeds\tofficial")
	for _, s := range sets {
		convergence, seeds := "-", "-"
		if s.RCP != nil {
			convergence = word(s.RCP.Pass)
		}
		if s.Seeds != nil {
			seeds = word(s.Seeds.Pass)
		}
		runs := fmt.Sprint(len(s.Runs))
		if s.Made > len(s.Runs) {
			runs += fmt.Sprintf(" of %d", s.Made)
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Name, runs, s.Failed, shown(s.GlobalBatch, "%v"),
			shown(cmp.Or(s.Scaled, s.Score), "%.3f"), shown(s.Median, "%.3f"), shown(s.Epochs, "%v"), shown(s.Throughput, "%.0f"), convergence, seeds, yes(s.Official))
	}
	_ = table.Flush()
}

// WriteProblems writes what stands against sets, a line each.
func WriteProblems(w io.Writer, sets []Set) {
	for _, s := range sets {
		for _, problem := range s.Problems {
			fmt.Fprintf(w, "%s: error: %s\n", s.Name, problem)
		}
	}
}

func (r Run) result() string {
	switch {
	case !r.Compliant:
		return "does not comply: see `mlperf-ssd check`"
	case r.Epochs == nil:
		return cmp.Or(r.Status, "no run_stop")
	}
	return "pass"
}

func verdict(v rcp.Verdict) string {
	text := word(v.Pass) + ": " + v.Reason
	if v.Mean == nil || v.Point == nil {
		return text
	}
	relation := ">="
	if !v.Pass {
		relation = "<"
	}
	text += fmt.Sprintf("\n          mean %.4f epochs %s %.4f; reference at batch size %v: mean %.4f, deviation %.4f, speed-up at most %.4f",
		*v.Mean, relation, v.Point.MinMean, v.Point.Batch, v.Point.Mean, v.Point.StdDev, v.Point.MaxSpeedup)
	if len(v.Between) == 2 {
		text += fmt.Sprintf(" (between %v and %v)", v.Between[0].Batch, v.Between[1].Batch)
	}
	return text
}

func shown(v *float64, format string) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf(format, *v)
}

func word(pass bool) string {
	if pass {
		return "pass"
	}
	return "FAIL"
}

func yes(v bool) string {
	if v {
		return "yes"
	}
	return "no"
}
