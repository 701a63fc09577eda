// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"fmt"
	"slices"
)

// Finding is one thing wrong.
type Finding struct {
	Line     int    `json:"line"` // 0 = the log as a whole
	Key      string `json:"key"`
	Problem  string `json:"problem"`
	Expected string `json:"expected,omitempty"`
	Found    string `json:"found,omitempty"`
	Warning  bool   `json:"-"` // does not fail the log
}

func (f Finding) String() string {
	text := f.Key + ": " + f.Problem
	if f.Key == "" {
		text = f.Problem
	}
	if f.Expected != "" {
		text += ", expected " + f.Expected
	}
	if f.Found != "" {
		text += ", found " + f.Found
	}
	return text
}

// Report is what a check found, by line.
type Report struct {
	Findings []Finding `json:"findings"`
}

// Errors are the findings that fail the log.
func (r Report) Errors() []Finding { return r.filter(false) }

// Warnings are the others.
func (r Report) Warnings() []Finding { return r.filter(true) }

func (r Report) filter(warning bool) []Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.Warning != warning })
}

// maxFindings of each kind are kept: a log that is wrong in every line must not fill the memory.
const maxFindings = 500

// findings collects errors or warnings.
type findings struct {
	kept []Finding
	more int
}

func (f *findings) add(finding Finding) {
	if len(f.kept) < maxFindings {
		f.kept = append(f.kept, finding)
	} else {
		f.more++
	}
}

func (f *findings) all(warning bool) []Finding {
	for i := range f.kept {
		f.kept[i].Warning = warning
	}
	if f.more > 0 {
		f.kept = append(f.kept, Finding{Problem: fmt.Sprintf("%d findings more", f.more), Warning: warning})
	}
	return f.kept
}
