// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package score

import (
	"fmt"
	"path/filepath"
	"strings"

	"mlperf-ssd/orchestrator/internal/compliance"
)

// A log may not fill the memory with its seeds, of which each run needs one.
const (
	maxSeeds        = 10000
	maxSeedMetadata = 4096 // bytes
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
	case len(l.Metadata) > maxSeedMetadata:
		s.problem = fmt.Sprintf("the seed's metadata have %d bytes: more than %d are refused", len(l.Metadata), maxSeedMetadata)
	case !isInt:
		s.problem = fmt.Sprintf("seed %.100s is no whole number", l.Value)
	case !hasFile || !hasLine:
		s.problem = "the seed's metadata lack file or lineno"
	default:
		s.file, s.place, s.value = file.String(), place.String(), value.String()
	}
	return s
}

// Seeds is the check of a set's seeds (spec section 12).
type Seeds struct {
	Pass     bool       `json:"pass"`
	Errors   []SeedNote `json:"errors"`
	Warnings []SeedNote `json:"warnings"`
}

// SeedNote is one thing about the seeds of a log.
type SeedNote struct {
	File    string `json:"file"`
	Line    int    `json:"line"` // 0 = the log as a whole
	Problem string `json:"problem"`
}

func (n SeedNote) String() string {
	if n.Line == 0 {
		return n.File + ": " + n.Problem
	}
	return fmt.Sprintf("%s:%d: %s", n.File, n.Line, n.Problem)
}

// CheckSeeds wants a seed in every log, whole numbers, and none twice from one place of the program. As
// the official checker, it wants every MLLOG line readable, though one log of five may fail otherwise.
func CheckSeeds(runs []Run) Seeds {
	check := Seeds{Errors: []SeedNote{}, Warnings: []SeedNote{}}
	first := map[[3]string]string{}
	for _, run := range runs {
		fail := func(line int, problem string) { check.Errors = append(check.Errors, SeedNote{run.File, line, problem}) }
		if run.unread > 0 {
			fail(run.unread, "cannot be read, so the seeds are not known")
		}
		switch n := len(run.seeds); {
		case n == 0:
			fail(0, "logs no seed")
		case n > 1:
			check.Warnings = append(check.Warnings, SeedNote{run.File, 0, fmt.Sprintf("logs %d seeds", n)})
		}
		for _, s := range run.seeds {
			key := [3]string{s.file, s.place, s.value}
			switch other, again := first[key]; {
			case s.problem != "":
				fail(s.line, s.problem)
			case again:
				fail(s.line, fmt.Sprintf("seed %s of %s line %s stands in %s too", s.value, strings.Trim(s.file, `"`), s.place, other))
			default:
				first[key] = fmt.Sprintf("%s:%d", filepath.Base(run.File), s.line)
			}
		}
	}
	check.Pass = len(check.Errors) == 0
	return check
}
