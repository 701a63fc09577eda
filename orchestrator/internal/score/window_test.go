// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package score

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Section 14, by hand: minutes of runs in the order of their start, x = failed.
func TestWindow(t *testing.T) {
	for _, test := range []struct{ made, want string }{
		{"20", "20"},
		{"24 23 22 21 20", "24 23 22 21 20"},
		{"x x x x x", "x x x x x"},
		{"20 20 20 20 20 30", "20 20 20 20 20"},                   // both 20: the earlier
		{"20 21 22 23 24 30", "21 22 23 24 30"},                   // 22, 23: the slower of the two
		{"10 20 21 22 23 24 9", "20 21 22 23 24"},                 // 21, 22, 22
		{"30 30 20 20 20 20 20 10 10", "30 20 20 20 20"},          // 23.3, 20, 20, 20, 16.7
		{"x x 20 21 22 23 24", "x 20 21 22 23"},                   // none, 22, 22
		{"20 21 x x 22 23 24 25 26", "20 21 x x 22"},              // none, none, none, 24, 24
		{"20 21 x 22 23 24 x 25 26 27", "23 24 x 25 26"},          // 22, 23, none, 24, 25, 26: the slower of 24 and 25
		{"20 x 20 x 20 x 20 x 20 20 20 20", "20 x 20 x 20"},       // six of eight have none
		{"50 10 10 10 10 10 10 10 10 10 10 10", "50 10 10 10 10"}, // all 10
	} {
		var runs []Run
		for i, word := range strings.Fields(test.made) {
			r := run(0, 50)
			r.File, r.started = word, pointer(float64(i))
			if _, err := fmt.Sscan(word, r.Minutes); err != nil {
				r.Epochs = nil
			}
			runs = append(runs, r)
		}
		slices.Reverse(runs) // the files' names need not be in order
		if len(runs) <= OfficialRuns {
			slices.Reverse(runs) // then their order stays
		}
		var got []string
		for _, r := range Window(runs) {
			got = append(got, r.File)
		}
		if text := strings.Join(got, " "); text != test.want {
			t.Errorf("of %s: %s, want %s", test.made, text, test.want)
		}
	}
}

func TestRunsWithoutATimeStampStayInTheirPlace(t *testing.T) {
	var runs []Run
	for i, started := range []float64{30, -1, 10, 20, -1} {
		r := run(20, 50)
		r.File = fmt.Sprint(i)
		if started >= 0 {
			r.started = &started
		}
		runs = append(runs, r)
	}
	var got []string
	for _, r := range byStart(runs) {
		got = append(got, r.File)
	}
	if want := []string{"2", "3", "4", "0", "1"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
