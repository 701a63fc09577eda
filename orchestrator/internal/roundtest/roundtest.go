// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package roundtest gives tests the results of MLPerf Training v1.1 SSD, where the specification's table
// of them is beside the repository.
package roundtest

import (
	"encoding/csv"
	"os"
	"strconv"
	"strings"
	"testing"
)

// results is how many the round has.
const results = 26

// System is a result: its cells by the names of the columns.
type System struct {
	t     testing.TB
	cells map[string]string
}

// Systems are all results, or a skipped test. It is for the packages of orchestrator/internal.
func Systems(t testing.TB) []System {
	t.Helper()
	file, err := os.Open("../../../../shared/spec/systems.tsv")
	if err != nil {
		t.Skip("the results of the round are not beside the repository: ", err)
	}
	defer file.Close()
	reader := csv.NewReader(file)
	reader.Comma = '\t'
	rows, err := reader.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var systems []System
	for _, row := range rows[1:] {
		s := System{t, map[string]string{}}
		for i, column := range rows[0] {
			s.cells[column] = row[i]
		}
		systems = append(systems, s)
	}
	if len(systems) != results {
		t.Fatalf("%s: %d results, want %d", file.Name(), len(systems), results)
	}
	return systems
}

// Name is the system's.
func (s System) Name() string { return s.Text("system") }

// Text is a cell as it stands.
func (s System) Text(column string) string {
	s.t.Helper()
	text, found := s.cells[column]
	if !found {
		s.t.Fatalf("systems.tsv has no column %s", column)
	}
	return text
}

// Number is a cell with one number.
func (s System) Number(column string) float64 {
	s.t.Helper()
	return s.number(column, s.Text(column))
}

// Numbers is a cell with some, one a run for example.
func (s System) Numbers(column string) []float64 {
	s.t.Helper()
	var numbers []float64
	for word := range strings.SplitSeq(s.Text(column), ",") {
		numbers = append(numbers, s.number(column, word))
	}
	return numbers
}

func (s System) number(column, text string) float64 {
	s.t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		s.t.Fatalf("systems.tsv: %s: %s: %v", s.cells["system"], column, err)
	}
	return v
}
