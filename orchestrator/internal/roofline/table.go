// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package roofline

import (
	"fmt"
	"io"
	"strings"
)

// table is rows of cells: the first `words` columns are words, the rest numbers.
type table struct {
	words int
	rows  [][]string // the first names the columns
}

func (t *table) add(cells ...any) {
	row := make([]string, len(cells))
	for i, cell := range cells {
		switch c := cell.(type) {
		case float64:
			row[i] = fmt.Sprintf("%.2f", c)
		default:
			row[i] = fmt.Sprint(c)
		}
	}
	t.rows = append(t.rows, row)
}

// writeText aligns the columns: words left, numbers right.
func (t *table) writeText(w io.Writer) error {
	var widths []int
	for _, row := range t.rows {
		widths = append(widths, make([]int, len(row)-min(len(row), len(widths)))...)
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	for _, row := range t.rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			width := widths[i]
			if i < t.words {
				width = -width
			}
			cells[i] = fmt.Sprintf("%*s", width, cell)
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(strings.Join(cells, "  "), " ")); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) writeMarkdown(w io.Writer) error {
	for i, row := range t.rows {
		if _, err := fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | ")); err != nil {
			return err
		}
		if i > 0 {
			continue
		}
		fmt.Fprintf(w, "|%s%s\n", strings.Repeat("---|", t.words), strings.Repeat("--:|", len(row)-t.words))
	}
	return nil
}
