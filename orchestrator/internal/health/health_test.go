// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mlperf-ssd/proto/ssdpb"
)

// made are made-up times: additions take 10 ms, swaps 5 ms inside a node and 20 ms between nodes, with a
// tenth more on each other rank. slow multiplies what a rank or a link takes.
type made struct {
	nodes, perNode int
	ranks          map[int]float64
	links          map[pair]float64
}

func (m made) times() []Rank {
	world := m.nodes * m.perNode
	ranks := make([]Rank, world)
	factor := func(rank int) float64 { return max(1, m.ranks[rank]) }
	for i := range ranks {
		even := 1 + 0.1*float64(i%2)
		r := Rank{Rank: i, Node: i / m.perNode, Host: fmt.Sprint("n", i/m.perNode)}
		r.Sum = Spread{0.05, 0.04, 0.06, 0.05}
		r.BusBandwidth = 1e9
		r.Additions = Spread{0.5, 0, 1, 0.01 * even * factor(i)}
		peers := []int{(i + world - 1) % world, (i + 1) % world}
		for _, peer := range slices.Compact(slices.Sorted(slices.Values(peers))) {
			if peer == i {
				continue
			}
			t := 0.005
			if peer/m.perNode != r.Node {
				t = 0.02
			}
			t *= max(factor(i), factor(peer), m.links[pair{min(i, peer), max(i, peer)}])
			r.Links = append(r.Links, Link{peer, Spread{0.5, t * even, 1, 0.5}})
		}
		ranks[i] = r
	}
	return ranks
}

func TestJudgeNamesWhatIsSlow(t *testing.T) {
	for name, test := range map[string]struct {
		made
		want []string
	}{
		"one rank":     {made{nodes: 1, perNode: 1}, nil},
		"two equal":    {made{nodes: 1, perNode: 2}, nil},
		"all equal":    {made{nodes: 4, perNode: 4}, nil},
		"two, one":     {made{nodes: 1, perNode: 2, ranks: map[int]float64{1: 3}}, []string{"rank 1 on n0 (node 0) is slow: its additions take 3.3 times the median"}},
		"two nodes":    {made{nodes: 2, perNode: 1, ranks: map[int]float64{0: 4}}, []string{"rank 0 on n0 (node 0) is slow: its additions take 3.6 times the median"}},
		"of three":     {made{nodes: 1, perNode: 3, ranks: map[int]float64{2: 3}}, []string{"rank 2"}},
		"of four":      {made{nodes: 1, perNode: 4, ranks: map[int]float64{0: 3}}, []string{"rank 0"}},
		"two of eight": {made{nodes: 2, perNode: 4, ranks: map[int]float64{1: 3, 6: 9}}, []string{"rank 6", "rank 1"}},
		"a node":       {made{nodes: 4, perNode: 2, ranks: map[int]float64{4: 3, 5: 3}}, []string{"node 2 (n2) is slow: the transfers with all nodes beside it take 3.0 times"}},
		"half":         {made{nodes: 2, perNode: 4, ranks: map[int]float64{4: 5, 5: 5, 6: 5, 7: 5}}, []string{"node 1 (n1) is slow: the additions of all its ranks"}},
		"not yet":      {made{nodes: 1, perNode: 4, ranks: map[int]float64{1: 1.8}}, nil},
		"a link": {made{nodes: 1, perNode: 4, links: map[pair]float64{{1, 2}: 4}},
			[]string{"the link between rank 1 on n0 (node 0) and rank 2 on n0 (node 0) is slow: 4.0 times the median"}},
		"both links": {made{nodes: 4, perNode: 1, links: map[pair]float64{{1, 2}: 4, {2, 3}: 6}},
			[]string{"rank 2 on n2 (node 2) is slow: its transfers with both neighbours take 4."}},
		"a node's network": {made{nodes: 4, perNode: 2, links: map[pair]float64{{1, 2}: 4, {3, 4}: 4}},
			[]string{"node 1 (n1) is slow: the transfers with all nodes beside it"}},
		"two networks": {made{nodes: 2, perNode: 2, links: map[pair]float64{{1, 2}: 4}}, []string{"the link between rank 1 on n0"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Report{Factor: DefaultFactor, Sizes: []Size{Judge(39424, 20, test.times(), DefaultFactor)}}.Slow()
			if len(got) != len(test.want) {
				t.Fatalf("got %q, want %q", got, test.want)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], test.want[i]) || !strings.HasSuffix(got[i], " (at 39424 bytes)") {
					t.Errorf("got %q, want %q...", got[i], test.want[i])
				}
			}
		})
	}
}

// A slow rank is found wherever it is.
func TestJudgeNamesAnySingleRank(t *testing.T) {
	for _, m := range []made{{nodes: 1, perNode: 3}, {nodes: 1, perNode: 5}, {nodes: 3, perNode: 1}, {nodes: 2, perNode: 2}, {nodes: 4, perNode: 8}} {
		for rank := range m.nodes * m.perNode {
			m.ranks = map[int]float64{rank: 2.5}
			slow := Judge(4, 1, m.times(), DefaultFactor).Slow
			if len(slow) != 1 || slow[0].Kind != "rank" || !slices.Equal(slow[0].Ranks, []int{rank}) {
				t.Errorf("%d x %d, rank %d: %+v", m.nodes, m.perNode, rank, slow)
			}
		}
	}
}

// Times of microseconds differ by a wake-up and more.
func TestJudgeLeavesNoiseOut(t *testing.T) {
	ranks := made{nodes: 1, perNode: 4}.times()
	for i := range ranks {
		ranks[i].Additions.Mean = 1e-6
	}
	ranks[2].Additions.Mean = 45e-6
	if slow := Judge(4, 1, ranks, DefaultFactor).Slow; len(slow) != 0 {
		t.Errorf("%+v", slow)
	}
	ranks[2].Additions.Mean = 60e-6
	if slow := Judge(4, 1, ranks, DefaultFactor).Slow; len(slow) != 1 || slow[0].Ranks[0] != 2 {
		t.Errorf("%+v", slow)
	}
}

func TestReportSaysItAll(t *testing.T) {
	ranks := made{nodes: 2, perNode: 2, ranks: map[int]float64{3: 3}}.times()
	r := Report{Ranks: 4, Nodes: 2, Factor: 2, Sizes: []Size{Judge(39424, 20, ranks, 2), Judge(4, 1, made{nodes: 1, perNode: 1}.times(), 2)}}
	if err := r.Wrong(); err != nil {
		t.Error(err)
	}
	ranks[1].WrongValues = 7
	if err := r.Wrong(); err == nil || err.Error() != "all-reduce of 39424 bytes: rank 1 on n0 (node 0) has 7 wrong values" {
		t.Error(err)
	}
	var text strings.Builder
	if err := r.Write(&text); err != nil {
		t.Fatal(err)
	}
	const want = `all-reduce of 39424 bytes on 4 ranks of 2 nodes, 20 times: median 50.000 ms, bus bandwidth 1.00 GB/s
  rank  node  host  sum ms   least    most  additions ms  previous ms  next ms  wrong
     0     0    n0  50.000  40.000  60.000        10.000       60.000    5.000      0
     1     0    n0  50.000  40.000  60.000        11.000        5.500   22.000      7
     2     1    n1  50.000  40.000  60.000        10.000       20.000   15.000      0
     3     1    n1  50.000  40.000  60.000        33.000       16.500   66.000      0
rank 3 on n1 (node 1) is slow: its additions take 3.3 times the median
all-reduce of 4 bytes on 4 ranks of 2 nodes, 1 times: median 50.000 ms, bus bandwidth 1.00 GB/s
  rank  node  host  sum ms   least    most  additions ms  previous ms  next ms  wrong
     0     0    n0  50.000  40.000  60.000        10.000            -        -      0
nothing takes 2 times the median
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Error(diff)
	}
	document, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"slow":[{"kind":"rank","ranks":[3],"times":3.3`, `"slow":[]`, `"sum_seconds":{"median":0.05,"min":0.04,"max":0.06,"mean":0.05}`} {
		if !strings.Contains(string(document), part) {
			t.Errorf("no %s in %s", part, document)
		}
	}
}

func TestTimesOfAnEngine(t *testing.T) {
	seconds := func(s float64) *ssdpb.AllreduceTimes_Seconds {
		return &ssdpb.AllreduceTimes_Seconds{Median: s, Min: s / 2, Max: 2 * s, Mean: 3 * s}
	}
	got := TimesOf(&ssdpb.AllreduceTimes{Sum: seconds(4), BusBandwidth: 5, Local: seconds(2), WrongValues: 6,
		Links: []*ssdpb.AllreduceTimes_Link{{Peer: 3, Exchange: seconds(1)}}})
	want := Times{Sum: Spread{4, 2, 8, 12}, BusBandwidth: 5, Additions: Spread{2, 1, 4, 6}, Links: []Link{{3, Spread{1, 0.5, 2, 3}}}, WrongValues: 6}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
