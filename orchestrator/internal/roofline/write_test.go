// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package roofline

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sample() *table {
	t := &table{words: 2}
	t.add("name", "kind", "MB", "us")
	t.add("a", "conv", 1.005, 12)
	t.add("longer", "", 0.5, "-")
	return t
}

func TestTableAsText(t *testing.T) {
	want := "name    kind    MB  us\n" +
		"a       conv  1.00  12\n" +
		"longer        0.50   -\n"
	var got strings.Builder
	if err := sample().writeText(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
}

func TestTableAsMarkdown(t *testing.T) {
	want := "| name | kind | MB | us |\n" +
		"|---|---|--:|--:|\n" +
		"| a | conv | 1.00 | 12 |\n" +
		"| longer |  | 0.50 | - |\n"
	var got strings.Builder
	if err := sample().writeMarkdown(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
}

func TestMarkdownNamesItsCommand(t *testing.T) {
	report, err := New(tiny, 2, []Device{round})
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	if err := report.Write(&got, Markdown, "make it"); err != nil {
		t.Fatal(err)
	}
	first, rest, _ := strings.Cut(got.String(), "\n")
	if first != "<!-- Made by `make it`; run it again instead of editing. -->" {
		t.Errorf("first line: %s", first)
	}
	// In training the convolution takes 10 s for two images and 14 bytes, 4 of them counted to n.
	for _, want := range []string{
		"| a | 0.00 | 0.00 | 0.00 | 0.00 | 0.00 | 0.00 | 5000000.00 |\n",
		"| n | 0.00 | 0.00 | 0.00 | 0.00 | 0.00 | 0.00 | 4500000.00 |\n",
		"| a | 0.00 | 0.00 | 0.00 | 2000000.00 |\n",
	} {
		if !strings.Contains(rest, want) {
			t.Errorf("not in it: %s", want)
		}
	}
}
