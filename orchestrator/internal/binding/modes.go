// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// source is where the lists of a file of lists stand, and what a mode may be instead of the file's name.
type source struct {
	what, array string
	modes       []string
}

func processors() source {
	return source{"processor", "bind_cpu_cores", []string{Node, Near, Exclusive, ExclusiveNoSMT, NearExclusive, NearExclusiveNoSMT, Off}}
}

func memory() source { return source{"memory node", "bind_mem", []string{Node, Off}} }

// lists reads the file that a mode names.
func (s source) lists(mode string) ([]List, error) {
	lists, err := ReadLists(mode, s.array)
	if errors.Is(err, fs.ErrNotExist) {
		var words []string
		for _, word := range s.modes {
			if strings.Contains(word, ",") {
				word = `"` + word + `"`
			}
			words = append(words, word)
		}
		return nil, fmt.Errorf("%s binding %q is no mode (%s) and no file", s.what, mode, strings.Join(words, ", "))
	}
	return lists, err
}

// Check is an error for a mode that there is not, or a file that cannot be read. Whether they fit a host
// Plan says.
func (o Options) Check() error {
	for _, given := range []struct {
		mode string
		source
	}{{o.CPU, processors()}, {o.Memory, memory()}} {
		if given.mode == "" || slices.Contains(given.modes, given.mode) {
			continue
		}
		if _, err := given.lists(given.mode); err != nil {
			return err
		}
	}
	return checkNetwork(o.Network)
}

// Files are the files that the modes name.
func (o Options) Files() []string {
	var files []string
	if o.CPU != "" && !slices.Contains(processors().modes, o.CPU) {
		files = append(files, o.CPU)
	}
	if o.Memory != "" && !slices.Contains(memory().modes, o.Memory) {
		files = append(files, o.Memory)
	}
	return files
}

func checkNetwork(mode string) error {
	if !slices.Contains([]string{"", Off, Single, Near}, mode) {
		return fmt.Errorf("network mode is %q, must be %s, %s or %s", mode, Single, Near, Off)
	}
	return nil
}
