// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mlperf-ssd/orchestrator/internal/discover"
)

// rows are a layout's processors and memory nodes, "0-3 on 0".
func rows(layout Layout) []string {
	var rows []string
	for _, r := range layout.Ranks {
		rows = append(rows, strings.TrimSuffix(r.CPUs.String()+" on "+r.Memory.String(), " on "))
	}
	return rows
}

func check(t *testing.T, layout Layout, want []string, warnings ...string) {
	t.Helper()
	if diff := cmp.Diff(want, rows(layout)); diff != "" {
		t.Errorf("ranks (-want +got):\n%s", diff)
	}
	if len(layout.Warnings) != len(warnings) {
		t.Errorf("warnings %q, want %q", layout.Warnings, warnings)
		return
	}
	for i, words := range warnings {
		if !strings.Contains(layout.Warnings[i], words) {
			t.Errorf("warning %q, want %q", layout.Warnings[i], words)
		}
	}
}

func allow(host *discover.Inventory, cpus, nodes string) *discover.Inventory {
	for text, set := range map[string]*discover.CPUSet{cpus: &host.Limits.CPUs, nodes: &host.Limits.Nodes} {
		if err := set.UnmarshalText([]byte(text)); err != nil {
			panic(err)
		}
	}
	return host
}

func TestRanksWithoutGPUs(t *testing.T) {
	small := func() *discover.Inventory { return machine(1, 4, 1, 0, 0) }
	two := func() *discover.Inventory { return machine(2, 4, 2, 0, 0) }
	for name, c := range map[string]struct {
		host     *discover.Inventory
		ranks    int
		options  Options
		want     []string
		warnings []string
	}{
		"one rank":            {small(), 1, Options{}, []string{"0-7"}, nil},
		"whole cores":         {small(), 2, Options{}, []string{"0-1,4-5", "2-3,6-7"}, nil},
		"uneven":              {small(), 3, Options{}, []string{"0,4", "1,5", "2-3,6-7"}, nil},
		"a core each":         {small(), 4, Options{}, []string{"0,4", "1,5", "2,6", "3,7"}, nil},
		"threads of cores":    {small(), 8, Options{}, []string{"0", "4", "1", "5", "2", "6", "3", "7"}, nil},
		"too many":            {machine(1, 1, 1, 0, 0), 3, Options{}, []string{"0", "0", "1"}, []string{"3 ranks share 2 processors"}},
		"no SMT":              {small(), 2, Options{CPU: ExclusiveNoSMT}, []string{"0-1", "2-3"}, nil},
		"off":                 {two(), 2, Options{CPU: Off}, []string{"", ""}, nil},
		"two nodes":           {two(), 2, Options{}, []string{"0-3,8-11 on 0", "4-7,12-15 on 1"}, nil},
		"memory off":          {two(), 2, Options{Memory: Off}, []string{"0-3,8-11", "4-7,12-15"}, nil},
		"one over two nodes":  {two(), 1, Options{}, []string{"0-15 on 0-1"}, nil},
		"three over two":      {two(), 3, Options{}, []string{"0-1,8-9 on 0", "2-4,10-12 on 0-1", "5-7,13-15 on 1"}, []string{"rank 1 spans NUMA nodes 0-1"}},
		"cpuset":              {allow(two(), "2-5,10", "0-1"), 2, Options{}, []string{"2-3,10 on 0", "4-5 on 1"}, nil},
		"half a core allowed": {allow(small(), "1,5-6", "0"), 2, Options{}, []string{"1,5", "6"}, nil},
		"memory not allowed":  {allow(two(), "4-7", "0"), 1, Options{}, []string{"4-7"}, []string{"may not use memory of all of NUMA nodes 1"}},
	} {
		t.Run(name, func(t *testing.T) { check(t, plan(t, c.host, c.ranks, c.options), c.want, c.warnings...) })
	}
}

func TestSiblingsSideBySide(t *testing.T) {
	host := machine(1, 4, 1, 2, 0)
	for id := range host.Processors.CPUs {
		host.Processors.CPUs[id] = discover.CPU{ID: id, Core: id &^ 1}
	}
	check(t, plan(t, host, 2, Options{CPU: Exclusive, GPUs: true}), []string{"0-3", "4-7"})
}

func TestGPUsInACpuset(t *testing.T) {
	check(t, plan(t, allow(machine(2, 8, 2, 4, 0), "2-5,18-19", "0-1"), 4, Options{CPU: Exclusive, GPUs: true}),
		[]string{"2-3,18-19 on 0", "4-5 on 0", "4 on 0", "5 on 0"},
		"rank 2: this process may use no processor of NUMA node 1", "rank 3: this process may use no")
}

func TestNear(t *testing.T) {
	host := machine(2, 8, 4, 4, 4)
	for i, node := range []int{1, 1, 0, -1} {
		host.GPUs[i].Node = node
		host.GPUs[i].Near = []discover.Near{{Network: "mlx5_2", Path: discover.SameSwitch, Hops: 4}, {Network: "mlx5_3", Path: discover.SameSwitch, Hops: 4}, {Network: "mlx5_0", Path: discover.Across}}
	}
	host.Networks[0].Up = false
	check(t, plan(t, host, 4, Options{CPU: Near, GPUs: true}), []string{"4-7,20-23 on 1", "4-7,20-23 on 1", "0-3,16-19 on 0", "12-15,28-31 on 3"})
	check(t, plan(t, host, 4, Options{CPU: NearExclusiveNoSMT, GPUs: true}), []string{"4-5 on 1", "6-7 on 1", "0-3 on 0", "12-15 on 3"})
	check(t, plan(t, host, 2, Options{GPUs: true}), []string{"0-3,16-19 on 0", "4-7,20-23 on 1"}, "0 on node 0, GPU on 1")
	layout := plan(t, host, 4, Options{CPU: Near, Network: Near, GPUs: true})
	var networks []string
	for _, r := range layout.Ranks {
		networks = append(networks, r.Network)
	}
	if want := []string{"mlx5_2", "mlx5_3", "mlx5_2", "mlx5_3"}; !slices.Equal(networks, want) {
		t.Errorf("networks %q, want %q", networks, want)
	}
	if len(layout.Warnings) != 1 || layout.Warnings[0] != "network device mlx5_0 is down: not used" {
		t.Errorf("warnings %q", layout.Warnings)
	}
}

func TestGPUsDoNotDivide(t *testing.T) {
	check(t, plan(t, machine(2, 4, 2, 3, 0), 3, Options{CPU: Exclusive, GPUs: true}),
		[]string{"0-1,8-9 on 0", "2-3,10-11 on 0", "4-7,12-15 on 1"})
	check(t, plan(t, machine(1, 2, 1, 3, 0), 3, Options{CPU: Exclusive, GPUs: true}), []string{"0-3", "0-3", "0-3"},
		"rank 0: 2 cores for 3 GPUs", "rank 1: 2 cores", "rank 2: 2 cores")
	check(t, plan(t, machine(2, 4, 2, 1, 0), 1, Options{GPUs: true}), []string{"0-3,8-11 on 0"})
}

func TestLists(t *testing.T) {
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "lists")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	host := machine(2, 8, 2, 2, 0)
	both := file("#!/bin/bash\nbind_cpu_cores=(\n  '0-3,16-19' # near\n  \"8-11\" )\nbind_mem=(\"1\" \"0\")\n")
	check(t, plan(t, host, 2, Options{CPU: both, Memory: both, GPUs: true}), []string{"0-3,16-19 on 1", "8-11 on 0"})
	check(t, plan(t, host, 2, Options{CPU: file("# a rank a line\n\n4\n5-6\n7"), Memory: Off, GPUs: true}), []string{"4", "5-6"})
	for text, words := range map[string]string{
		"0\n":              "has lists for 1 ranks, 2 are to start",
		"0\n1-99\n":        ":2: rank 1: processor 32 is not there",
		"0\nx\n":           `:2: list "x": "x" is no number`,
		"\n":               "has no list of a rank",
		"bind_mem=(0 1)\n": "has no list of a rank",
		"$(reboot)\n":      "is no number",
	} {
		if _, err := Plan(host, 2, Options{CPU: file(text), GPUs: true}); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v, want %q", text, err, words)
		}
	}
}

func TestPlanErrors(t *testing.T) {
	host := machine(2, 8, 2, 2, 0)
	for words, c := range map[string]struct {
		host    *discover.Inventory
		ranks   int
		options Options
	}{
		"0 ranks":                        {host, 0, Options{}},
		"3 ranks, but 2 GPUs":            {host, 3, Options{GPUs: true}},
		"no GPU: no driver":              {&discover.Inventory{Driver: discover.Driver{Missing: "no driver"}}, 1, Options{GPUs: true}},
		"no processor that this process": {&discover.Inventory{}, 1, Options{}},
		`"exclusiv" is no mode`:          {host, 1, Options{CPU: "exclusiv"}},
		`"nodes" is no mode (node, off)`: {host, 1, Options{Memory: "nodes"}},
		`network mode is "all"`:          {host, 1, Options{Network: "all"}},
		"is no file of lists":            {host, 1, Options{CPU: "/"}},
	} {
		if _, err := Plan(c.host, c.ranks, c.options); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v, want %q", err, words)
		}
	}
}

func hasWarning(layout Layout, words ...string) bool {
	for _, warning := range layout.Warnings {
		for _, w := range words {
			if strings.Contains(warning, w) {
				return true
			}
		}
	}
	return false
}

func TestCheckAndFiles(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good"), filepath.Join(dir, "bad")
	for path, text := range map[string]string{good: "0-3\n4-7\n", bad: "0-x\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		o     Options
		files []string
		err   string
	}{
		{Options{}, nil, ""},
		{Options{CPU: NearExclusiveNoSMT, Memory: Off, Network: Single}, nil, ""},
		{Options{CPU: good, Memory: good}, []string{good, good}, ""},
		{Options{CPU: "exclusiv"}, []string{"exclusiv"}, `processor binding "exclusiv" is no mode (node, near, exclusive, "exclusive,nosmt"`},
		{Options{Memory: Exclusive}, []string{Exclusive}, `memory node binding "exclusive" is no mode (node, off) and no file`},
		{Options{CPU: bad}, []string{bad}, "bad:1"},
		{Options{Network: "double"}, nil, `network mode is "double", must be single, near or off`},
	} {
		err := test.o.Check()
		if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%+v: %v, want %q", test.o, err, test.err)
		}
		if files := test.o.Files(); !slices.Equal(files, test.files) {
			t.Errorf("%+v: files %q, want %q", test.o, files, test.files)
		}
	}
}
