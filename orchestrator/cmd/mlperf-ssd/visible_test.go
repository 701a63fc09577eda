// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/zap"
)

func TestReadable(t *testing.T) {
	long := strings.Repeat("é", maxErrorLine)
	for text, want := range map[string]string{
		"a\tb\nc":            "a\tb\nc",
		"\x1b[2J\x7f\u0085x": "?[2J??x",
		long + "\nb":         strings.Repeat("é", maxErrorLine/2) + "...\nb",
		"a" + long:           "a" + strings.Repeat("é", maxErrorLine/2-1) + "...",
	} {
		if got := readable(text); got != want {
			t.Errorf("%.20q: %d bytes, want %d: %.50q", text, len(got), len(want), got)
		}
	}
}

func TestTheLogIsVisible(t *testing.T) {
	var out bytes.Buffer
	loggerTo(&out).Warn("val2017/\x1b[2J.jpg: is no JPEG", zap.String("file", "\x1b[2J"))
	if got := out.String(); !strings.HasSuffix(got, " warn val2017/?[2J.jpg: is no JPEG {\"file\": \"\\u001b[2J\"}\n") {
		t.Errorf("%q", got)
	}
}

func TestVisibleWriter(t *testing.T) {
	var out bytes.Buffer
	n, err := fmt.Fprintf(visibleWriter{&out}, "%s: é\n", "\x1b[31mred")
	if want := "?[31mred: é\n"; out.String() != want || n != len("\x1b[31mred: é\n") || err != nil {
		t.Errorf("%q, %d, %v", out.String(), n, err)
	}
}
