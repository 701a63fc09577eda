// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible keeps what a file's name must not do to a terminal.
func visible(r rune) rune {
	if !unicode.IsPrint(r) {
		return '?'
	}
	return r
}

// visibleText is visible for a text of several lines.
func visibleText(r rune) rune {
	if r == '\n' || r == '\t' {
		return r
	}
	return visible(r)
}

// visibleWriter passes on what names and logs of others may do to a terminal. Each Write has whole
// characters.
type visibleWriter struct{ io.Writer }

func (w visibleWriter) Write(text []byte) (int, error) {
	if _, err := io.WriteString(w.Writer, strings.Map(visibleText, string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// maxErrorLine bounds a line of an error, which may quote a text of any length out of a file.
const maxErrorLine = 2000 // bytes

// readable is an error's text for people: no line without end, nothing that a terminal would obey.
func readable(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if len(line) <= maxErrorLine {
			continue
		}
		end := maxErrorLine
		for end > 0 && !utf8.RuneStart(line[end]) {
			end--
		}
		lines[i] = line[:end] + "..."
	}
	return strings.Map(visibleText, strings.Join(lines, "\n"))
}
