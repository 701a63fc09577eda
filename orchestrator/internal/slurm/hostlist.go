// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	maxRange = 1 << 16 // names of one bracket's range, as Slurm has it
	maxHosts = 1 << 17 // names of a list
)

// Hosts expands a compressed list of host names: n[01-03,07],dgx9. Names stand between commas or white
// space, empty ones are skipped; a bracket holds numbers and ascending ranges, and the digits of a
// range's first number give the width. With several brackets in a name the last one counts fastest
// (Slurm agrees up to two: take a node's number from SLURM_NODEID, never from a place in a list).
// An error names what is wrong in the list; one without names is an error.
func Hosts(list string) ([]string, error) {
	var hosts []string
	for _, word := range splitList(list) {
		names, err := expandName(word)
		if err == nil && len(hosts)+len(names) > maxHosts {
			err = fmt.Errorf("more than %d names", maxHosts)
		}
		if err != nil {
			return nil, fmt.Errorf("slurm: host list %q: %w", shorten(list), err)
		}
		hosts = append(hosts, names...)
	}
	if len(hosts) == 0 {
		return nil, fmt.Errorf("slurm: host list %q: no names", shorten(list))
	}
	return hosts, nil
}

// splitList splits at commas and white space outside brackets and drops empty words.
func splitList(list string) []string {
	inside := false
	return strings.FieldsFunc(list, func(r rune) bool {
		switch r {
		case '[':
			inside = true
		case ']':
			inside = false
		case ',', ' ', '\t', '\n', '\r':
			return !inside
		}
		return false
	})
}

// expandName expands the brackets of one word. Behind a bracket only the end or something with another
// bracket may follow, as in n[1-2]-[3-4].
func expandName(word string) ([]string, error) {
	names := []string{""}
	for rest := word; rest != ""; {
		prefix, bracket, found := strings.Cut(rest, "[")
		if strings.Contains(prefix, "]") {
			return nil, fmt.Errorf("%q closes a bracket that is not open", word)
		}
		if !found {
			if rest != word {
				return nil, fmt.Errorf("%q stands behind a bracket", rest)
			}
			return []string{word}, nil
		}
		ranges, after, closed := strings.Cut(bracket, "]")
		if !closed {
			return nil, fmt.Errorf("the bracket of %q is not closed", word)
		}
		numbers, err := expandRanges(ranges)
		if err != nil {
			return nil, err
		}
		if len(names)*len(numbers) > maxHosts {
			return nil, fmt.Errorf("%q is more than %d names", word, maxHosts)
		}
		longer := make([]string, 0, len(names)*len(numbers))
		for _, name := range names {
			for _, number := range numbers {
				longer = append(longer, name+prefix+number)
			}
		}
		names, rest = longer, after
	}
	return names, nil
}

// expandRanges expands what stands in a bracket: 01-03,07.
func expandRanges(text string) ([]string, error) {
	var numbers []string
	for _, part := range strings.Split(text, ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		first, err := number(low)
		last, err2 := number(high)
		switch {
		case err != nil || err2 != nil:
			return nil, fmt.Errorf("[%s]: %q is no number or range", text, part)
		case last < first:
			return nil, fmt.Errorf("[%s]: %q goes down", text, part)
		case last-first >= maxRange:
			return nil, fmt.Errorf("[%s]: %q is more than %d names", text, part, maxRange)
		case int64(len(numbers))+last-first >= maxHosts:
			return nil, fmt.Errorf("more than %d names in a bracket", maxHosts)
		}
		for n := first; n <= last; n++ {
			numbers = append(numbers, fmt.Sprintf("%0*d", len(low), n))
		}
	}
	return numbers, nil
}

// number reads decimal digits, at most 18.
func number(digits string) (int64, error) {
	if digits == "" || len(digits) > 18 || strings.Trim(digits, "0123456789") != "" {
		return 0, errors.New("no number")
	}
	return strconv.ParseInt(digits, 10, 64)
}

// shorten keeps a message readable.
func shorten(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return text[:most] + "..."
}
