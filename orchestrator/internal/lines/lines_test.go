// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package lines

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestLinesComeWhole(t *testing.T) {
	var got []string
	w := Writer{Each: func(line []byte) error {
		got = append(got, string(line))
		return nil
	}}
	for _, text := range []string{"a", "b\nc\n\nd", "", "e\n", "f"} {
		if n, err := w.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("%q: %d %v", text, n, err)
		}
	}
	if want := []string{"ab\n", "c\n", "\n", "de\n"}; !slices.Equal(got, want) {
		t.Errorf("before the end %q, want %q", got, want)
	}
	for range 2 { // the second one has nothing left
		if err := w.Flush(); err != nil {
			t.Error(err)
		}
	}
	if want := []string{"ab\n", "c\n", "\n", "de\n", "f\n"}; !slices.Equal(got, want) {
		t.Errorf("in the end %q, want %q", got, want)
	}
}

func TestALineWithoutEndComesInPieces(t *testing.T) {
	for _, size := range []int{Max - 1, Max, Max + 1, 2 * Max, 2*Max + 5} {
		var got []int
		w := Writer{Each: func(line []byte) error {
			got = append(got, len(line)-1)
			return nil
		}}
		for _, text := range []string{strings.Repeat("x", 7), strings.Repeat("x", size-7), "\n"} {
			if n, err := w.Write([]byte(text)); n != len(text) || err != nil {
				t.Errorf("%d %v", n, err)
			}
		}
		var want []int
		for left := size; left > 0; left -= Max {
			want = append(want, min(left, Max))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d bytes come as %v, want %v", size, got, want)
		}
	}
}

func TestAnErrorOfALineIsThatOfTheWrite(t *testing.T) {
	full := errors.New("full")
	w := Writer{Each: func([]byte) error { return full }}
	if n, err := w.Write([]byte("a\n")); n != 0 || !errors.Is(err, full) {
		t.Errorf("%d %v", n, err)
	}
	if _, err := w.Write([]byte("b")); err != nil {
		t.Error(err)
	}
	if err := w.Flush(); !errors.Is(err, full) {
		t.Error(err)
	}
}
