// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

var goodLists = []struct{ list, want string }{
	{"gx[01-03,07],dgx9,rack2n[9-11]", "gx01 gx02 gx03 gx07 dgx9 rack2n9 rack2n10 rack2n11"}, // V14
	{"n[08-11]", "n08 n09 n10 n11"}, // V14
	{"n[1-2],,n3", "n1 n2 n3"},
	{",n1,", "n1"},
	{"n[1,1]", "n1 n1"},
	{"n1 n2\tn3\nn4", "n1 n2 n3 n4"},
	{"n[1-2][3-4]", "n13 n14 n23 n24"},
	{"n[1-2]-[1-2]", "n1-1 n1-2 n2-1 n2-2"},
	{"[1-2]", "1 2"},
	{"a[00-1]", "a00 a01"},
	{"a[1-02]", "a1 a2"},
	{"a[98-101]", "a98 a99 a100 a101"},
	{"a[001-2]", "a001 a002"},
	{"a-b.c_d[1-2]", "a-b.c_d1 a-b.c_d2"},
}

var badLists = []struct{ list, want string }{
	{"", "no names"},
	{", ,", "no names"},
	{"n[1-2]x", `"x" stands behind a bracket`},
	{"n[1-2]n3", `"n3" stands behind a bracket`},
	{"n[3-1]", `"3-1" goes down`},
	{"n[]", `"" is no number or range`},
	{"n[a]", `"a" is no number or range`},
	{"n[1-3:2]", `"1-3:2" is no number or range`},
	{"a[1,]", `"" is no number or range`},
	{"a[,1]", `"" is no number or range`},
	{"a[1--2]", `"1--2" is no number or range`},
	{"a[-1]", `"-1" is no number or range`},
	{"n[1-99999999]", `"1-99999999" is more than 65536 names`},
	{"a[1-65537]", `"1-65537" is more than 65536 names`},
	{"a[[1-2]]", `"[1-2" is no number or range`},
	{"a[1-2]]", "closes a bracket that is not open"},
}

func TestHosts(t *testing.T) {
	for _, test := range goodLists {
		if got, err := Hosts(test.list); err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("%s: %v, %v, want %s", test.list, got, err, test.want)
		}
	}
	if got, err := Hosts("a[1-65536]"); err != nil || len(got) != 65536 || got[65535] != "a65536" {
		t.Errorf("the longest range: %d names, %v", len(got), err)
	}
}

// Beyond what scontrol refuses: a list cut short, and spaces in a bracket, which it reads as noise.
func TestHostsRefuses(t *testing.T) {
	refused := append(slices.Clone(badLists), []struct{ list, want string }{
		{"n[1-3", "is not closed"},
		{"n]", "closes a bracket that is not open"},
		{"n[ 1]", `" 1" is no number or range`},
		{"n[99999999999999999999]", "is no number or range"},
		{"a[1-65536][1-65536]", "more than 131072 names"},
		{strings.Repeat("a[1-65536],", 3), "more than 131072 names"},
		{"a[" + strings.Repeat("1-65536,", 3) + "1]", "more than 131072 names"},
	}...)
	for _, test := range refused {
		got, err := Hosts(test.list)
		if err == nil || !strings.Contains(err.Error(), test.want) || len(err.Error()) > 700 {
			t.Errorf("%.40s: %d names, %v, want %s", test.list, len(got), err, test.want)
		}
	}
}

// scontrol is the oracle. Beyond two brackets only the set of names is compared.
func TestHostsEqualScontrol(t *testing.T) {
	scontrol, err := exec.LookPath("scontrol")
	if err != nil {
		t.Skip("Slurm's scontrol is not here: ", err)
	}
	if text, err := exec.Command(scontrol, "show", "hostnames", "n1").CombinedOutput(); err != nil {
		t.Skipf("scontrol does not work without a cluster's SLURM_CONF: %v: %s", err, text)
	}
	three := []struct{ list, want string }{{"n[1-2]a[1-2]b[1-2]", ""}, {"r[1-3]c[01-02]n[9-10],x", ""}}
	for _, test := range append(slices.Clone(goodLists), three...) {
		text, err := exec.Command(scontrol, "show", "hostnames", test.list).Output()
		if err != nil {
			t.Fatalf("scontrol show hostnames %s: %v", test.list, err)
		}
		want := strings.Fields(string(text))
		got, err := Hosts(test.list)
		if test.want == "" {
			slices.Sort(got)
			slices.Sort(want)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v, scontrol says %v", test.list, got, err, want)
		}
	}
	for _, test := range badLists {
		if out, err := exec.Command(scontrol, "show", "hostnames", test.list).Output(); err == nil && len(out) > 0 {
			t.Errorf("%s: scontrol takes it: %s", test.list, out)
		}
	}
}

func FuzzHosts(f *testing.F) {
	for _, test := range goodLists {
		f.Add(test.list)
	}
	for _, test := range badLists {
		f.Add(test.list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		names, err := Hosts(list)
		if err != nil {
			return
		}
		if len(names) == 0 || len(names) > maxHosts {
			t.Fatalf("%d names", len(names))
		}
		for _, name := range names {
			if name == "" || strings.ContainsAny(name, "[], \t\r\n") {
				t.Fatalf("%q is a name", name)
			}
		}
		if again, err := Hosts(strings.Join(names, ",")); err != nil || !slices.Equal(again, names) {
			t.Fatalf("names of %q change when expanded again: %v", list, err)
		}
	})
}
