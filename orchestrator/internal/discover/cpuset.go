// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxID bounds the numbers of a list: no kernel is built for more processors or NUMA nodes.
const maxID = 8192

// CPUSet is a set of processor or NUMA node numbers, ascending and without repeats. As text, and in
// JSON, it has the kernel's list format: "0-3,8".
type CPUSet []int

// ParseCPUSet reads the list format: numbers and ranges with commas between, in any order. Empty text
// is the empty set.
func ParseCPUSet(text string) (CPUSet, error) {
	set := CPUSet{}
	text = strings.TrimSpace(text)
	if text == "" {
		return set, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(strings.TrimSpace(part), "-")
		first, err := parseID(low)
		if err != nil {
			return nil, fmt.Errorf("list %q: %w", text, err)
		}
		last := first
		if isRange {
			if last, err = parseID(high); err != nil {
				return nil, fmt.Errorf("list %q: %w", text, err)
			}
		}
		if last < first {
			return nil, fmt.Errorf("list %q: range %s runs backwards", text, part)
		}
		for id := first; id <= last; id++ {
			set = append(set, id)
		}
		if len(set) > 2*maxID {
			set = NewCPUSet(set...)
		}
	}
	return NewCPUSet(set...), nil
}

func parseID(text string) (int, error) {
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", text)
	}
	if id >= maxID {
		return 0, fmt.Errorf("%d is above %d", id, maxID-1)
	}
	return int(id), nil
}

// NewCPUSet is the set of these numbers.
func NewCPUSet(ids ...int) CPUSet {
	set := CPUSet(slices.Clone(ids))
	slices.Sort(set)
	return slices.Compact(set)
}

// String is the list format.
func (s CPUSet) String() string {
	var parts []string
	for i := 0; i < len(s); {
		j := i
		for j+1 < len(s) && s[j+1] == s[j]+1 {
			j++
		}
		if i == j {
			parts = append(parts, strconv.Itoa(s[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", s[i], s[j]))
		}
		i = j + 1
	}
	return strings.Join(parts, ",")
}

// MarshalText is String.
func (s CPUSet) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is ParseCPUSet.
func (s *CPUSet) UnmarshalText(text []byte) (err error) {
	*s, err = ParseCPUSet(string(text))
	return err
}

// Contains is whether id is in the set.
func (s CPUSet) Contains(id int) bool {
	_, found := slices.BinarySearch(s, id)
	return found
}

// Union is the set of the numbers in either.
func (s CPUSet) Union(other CPUSet) CPUSet { return NewCPUSet(slices.Concat(s, other)...) }

// Intersect is the set of the numbers in both.
func (s CPUSet) Intersect(other CPUSet) CPUSet {
	both := CPUSet{}
	for _, id := range s {
		if other.Contains(id) {
			both = append(both, id)
		}
	}
	return both
}
