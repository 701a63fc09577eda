// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestParseCPUSet(t *testing.T) {
	for text, want := range map[string]CPUSet{
		"": {}, "\n": {}, "0": {0}, "0-3": {0, 1, 2, 3}, "8,0-1, 4\n": {0, 1, 4, 8}, "1,1,0-2": {0, 1, 2}, "8191": {8191},
	} {
		got, err := ParseCPUSet(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		equal(t, text, got, want)
	}
	for _, text := range []string{"a", "-", "1-", "-1", "3-1", "1,,2", "8192", "0-4294967295", "99999999999999999999", "0-31:2"} {
		if got, err := ParseCPUSet(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestCPUSets(t *testing.T) {
	a, b := NewCPUSet(3, 1, 2, 1), NewCPUSet(2, 3, 9)
	equal(t, "text", a.String(), "1-3")
	equal(t, "union", a.Union(b).String(), "1-3,9")
	equal(t, "both", a.Intersect(b).String(), "2-3")
	equal(t, "none", a.Intersect(CPUSet{}).String(), "")
	document, err := json.Marshal(struct{ CPUs CPUSet }{NewCPUSet(0, 1, 5)})
	if err != nil || string(document) != `{"CPUs":"0-1,5"}` {
		t.Errorf("%s, %v", document, err)
	}
	var back struct{ CPUs CPUSet }
	if err := json.Unmarshal(document, &back); err != nil {
		t.Fatal(err)
	}
	equal(t, "back", back.CPUs, CPUSet{0, 1, 5})
}

// FuzzParseCPUSet: what is read is ascending, in bounds, and its text reads as itself.
func FuzzParseCPUSet(f *testing.F) {
	for _, seed := range []string{"", "0-3,8", "8191", "0-8191,0-8191", "1-", "3-1", "0-31:2", ",", "0x1", "१"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := ParseCPUSet(text)
		if err != nil {
			return
		}
		for i, id := range set {
			if id < 0 || id >= maxID || i > 0 && id <= set[i-1] {
				t.Fatalf("%q is %v", text, set)
			}
		}
		again, err := ParseCPUSet(set.String())
		if err != nil || !slices.Equal(again, set) {
			t.Fatalf("%q: %v becomes %v, %v", text, set, again, err)
		}
	})
}
