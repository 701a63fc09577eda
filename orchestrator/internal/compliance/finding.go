// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
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

// A log that is wrong in every line must not fill the memory.
const (
	maxFindings = 500 // of each kind are kept
	maxText     = 250 // bytes of each text of a finding
)

// findings collects errors or warnings.
type findings struct {
	kept []Finding
	more int
}

func (f *findings) add(finding Finding) {
	if len(f.kept) == maxFindings {
		f.more++
		return
	}
	for _, text := range []*string{&finding.Key, &finding.Problem, &finding.Expected, &finding.Found} {
		*text = short(*text)
	}
	f.kept = append(f.kept, finding)
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

// short cuts a text of a log where it has too much, between characters.
func short(text string) string {
	if len(text) <= maxText {
		return text
	}
	end := maxText
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return strings.Clone(text[:end]) + "..."
}
