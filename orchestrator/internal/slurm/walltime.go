// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"fmt"
	"strings"
	"time"
)

// ParseLimit reads a time limit as sbatch does: M, M:S, H:M:S, D-H, D-H:M or D-H:M:S.
func ParseLimit(text string) (time.Duration, error) {
	bad := func() (time.Duration, error) {
		return 0, fmt.Errorf("slurm: time limit %q: must be minutes, H:M:S or D-H:M:S", text)
	}
	days, clock, hasDays := strings.Cut(text, "-")
	if !hasDays {
		days, clock = "0", text
	}
	var fields []int64
	for _, part := range append([]string{days}, strings.Split(clock, ":")...) {
		n, err := number(part)
		if err != nil || n > 1<<24 {
			return bad()
		}
		fields = append(fields, n)
	}
	units := []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second}
	switch {
	case len(fields) > 4:
		return bad()
	case !hasDays && len(fields) < 4: // without hours, minutes come first
		units = []time.Duration{24 * time.Hour, time.Minute, time.Second}
	}
	var limit time.Duration
	for i, n := range fields {
		limit += time.Duration(n) * units[i]
	}
	if limit <= 0 {
		return bad()
	}
	return limit, nil
}

// Estimate is how long a job of the given trials takes: the measured time of one, initialisation
// included, a tenth for runs that converge an evaluation later, and two minutes to set up.
func Estimate(trials int, one time.Duration) time.Duration {
	if one <= 0 {
		return 0
	}
	total := time.Duration(trials) * one
	return (total + total/10 + 2*time.Minute).Round(time.Second)
}

// CheckLimit is what is wrong with a limit for that many trials, or empty. Trials that converge one
// evaluation late count; an unknown limit or duration is fine.
func CheckLimit(limit time.Duration, trials int, one time.Duration) string {
	need := Estimate(trials, one)
	if limit == 0 || need <= limit {
		return ""
	}
	return fmt.Sprintf("the time limit of %d minutes is short for %d trials of %v, which want %d: Slurm would kill the last ones",
		minutes(limit), trials, one, minutes(need))
}
