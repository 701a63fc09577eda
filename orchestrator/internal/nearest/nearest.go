// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package nearest guesses which word somebody meant.
package nearest

// Word gives the candidate with the fewest changed, missing or added bytes, or "" if none has at most
// limit of them. Of equal ones it is the first.
func Word(word string, candidates []string, limit int) string {
	best := ""
	for _, candidate := range candidates {
		if d := Distance(word, candidate); d <= limit {
			best, limit = candidate, d-1
		}
	}
	return best
}

// Distance is Levenshtein's, in bytes.
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		previous := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := previous
			if a[i] != b[j] {
				cost = 1 + min(previous, row[j], row[j+1])
			}
			previous, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
