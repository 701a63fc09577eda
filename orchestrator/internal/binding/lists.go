// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"fmt"
	"os"
	"strings"

	"mlperf-ssd/orchestrator/internal/discover"
)

// List is one rank's line of a file of lists.
type List struct {
	Set  discover.CPUSet
	Line int // from 1
}

// maxListBytes is far above what any host needs.
const maxListBytes = 1 << 20

// ReadLists reads a file that gives local rank 0, 1, ... each a list of numbers, "0-3,128-131", a line a
// rank; empty lines and what follows a # are left out. A shell file for bind.sh is read as data: of it
// the array of the given name counts, bind_cpu_cores=("0-3" "4-7"), over one or more lines.
func ReadLists(path, array string) ([]List, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxListBytes {
		return nil, fmt.Errorf("%s: is no file of lists: must be a regular file of at most %d bytes", path, maxListBytes)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseLists(path, array, string(text))
}

func parseLists(path, array, text string) ([]List, error) {
	var lists []List
	number := 0
	skipping := false
	for line := range strings.Lines(text) {
		number++
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if name, rest, found := strings.Cut(line, "=("); found {
			line, skipping = rest, name != array
		}
		values, closed := strings.CutSuffix(line, ")")
		if !skipping {
			for word := range strings.FieldsSeq(strings.NewReplacer(`"`, " ", "'", " ").Replace(values)) {
				set, err := discover.ParseCPUSet(word)
				if err != nil {
					return nil, fmt.Errorf("%s:%d: %w", path, number, err)
				}
				lists = append(lists, List{set, number})
			}
		}
		skipping = skipping && !closed
	}
	if len(lists) == 0 {
		return nil, fmt.Errorf("%s: has no list of a rank", path)
	}
	return lists, nil
}
