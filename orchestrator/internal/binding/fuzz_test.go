// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"strings"
	"testing"
)

// FuzzParseLists: what is read are sets that are not empty, each of a line that is there.
func FuzzParseLists(f *testing.F) {
	for _, seed := range []string{"0-3\n4-7\n", "bind_cpu_cores=(\n'0' \"1-2\" # x\n)\nbind_mem=(0)\n", "bind_mem=(", "#\n\n", "=()", "0,", "0=(1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lists, err := parseLists("lists", "bind_cpu_cores", text)
		if err == nil && len(lists) == 0 {
			t.Fatal("no list and no error")
		}
		for _, list := range lists {
			if len(list.Set) == 0 || list.Line < 1 || list.Line > strings.Count(text, "\n")+1 {
				t.Fatalf("%q gives %v", text, list)
			}
		}
	})
}
