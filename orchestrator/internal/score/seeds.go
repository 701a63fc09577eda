// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package score

import (
	"fmt"

	"mlperf-ssd/orchestrator/internal/compliance"
)

// seed is a seed of a run and the place in the program that logged it.
type seed struct {
	line        int
	file, place string // source file and line, as in the log
	value       string // a whole number
	problem     string
}

func seedOf(l compliance.Line) seed {
	s := seed{line: l.Number}
	file, hasFile := l.Metadata.Member("file")
	place, hasLine := l.Metadata.Member("lineno")
	value, isInt := l.Value.Int()
	switch {
	case !isInt:
		s.problem = "seed " + l.Value.String() + " is no whole number"
	case !hasFile || !hasLine:
		s.problem = "the seed's metadata lack file or lineno"
	default:
		s.file, s.place, s.value = file.String(), place.String(), value.String()
	}
	return s
}

// Seeds is the check of a set's seeds (spec section 12).
type Seeds struct {
	Pass     bool     `json:"pass"`
	Errors   []string `json:"errors"`
	Warnings []string `json:"warnings"`
}

// CheckSeeds wants a seed in every log, whole numbers, and none twice from one place of the program.
func CheckSeeds(runs []Run) Seeds {
	check := Seeds{Errors: []string{}, Warnings: []string{}}
	first := map[[3]string]string{}
	for _, run := range runs {
		switch n := len(run.seeds); {
		case n == 0:
			check.Errors = append(check.Errors, run.File+": logs no seed")
		case n > 1:
			check.Warnings = append(check.Warnings, fmt.Sprintf("%s: logs %d seeds", run.File, n))
		}
		for _, s := range run.seeds {
			place := fmt.Sprintf("%s:%d", run.File, s.line)
			if s.problem != "" {
				check.Errors = append(check.Errors, place+": "+s.problem)
				continue
			}
			key := [3]string{s.file, s.place, s.value}
			if other, again := first[key]; again {
				check.Errors = append(check.Errors, fmt.Sprintf("%s: seed %s of %s line %s stands in %s too", place, s.value, s.file, s.place, other))
			} else {
				first[key] = place
			}
		}
	}
	check.Pass = len(check.Errors) == 0
	return check
}
