// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package nearest

import "testing"

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"lauch", "launch", 1}, {"flaw", "lawn", 2}, {"same", "same", 0}} {
		if got := Distance(test.a, test.b); got != test.want {
			t.Errorf("%q, %q: %d, want %d", test.a, test.b, got, test.want)
		}
		if got := Distance(test.b, test.a); got != test.want {
			t.Errorf("%q, %q: %d, want %d", test.b, test.a, got, test.want)
		}
	}
}

func TestWord(t *testing.T) {
	words := []string{"launch", "lunches", "check"}
	for word, want := range map[string]string{"lauch": "launch", "lunch": "launch", "czech": "check", "score": "", "": ""} {
		if got := Word(word, words, 2); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
