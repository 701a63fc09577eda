// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"os"

	"golang.org/x/term"
)

// IsTerminal says whether a file is a terminal.
func IsTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// widthOf gives the columns of a terminal, whose window may change; 0 = not known.
func widthOf(f *os.File) func() int {
	return func() int {
		columns, _, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return 0
		}
		return columns
	}
}

// fit cuts a line that would wrap: what wrapped cannot be rewritten.
func fit(line string, columns int) string {
	runes := []rune(line)
	if columns < 2 || len(runes) < columns {
		return line
	}
	return string(runes[:columns-2]) + "…"
}
