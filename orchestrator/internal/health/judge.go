// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Finding is something slow.
type Finding struct {
	Kind  string  `json:"kind"`  // rank, node or link
	Ranks []int   `json:"ranks"` // the rank, those of the node, or both ends
	Times float64 `json:"times"` // the median
	Text  string  `json:"text"`
}

// Size is the test with one size.
type Size struct {
	Bytes      int64     `json:"bytes"`
	Iterations int64     `json:"iterations"`
	Ranks      []Rank    `json:"ranks"`
	Slow       []Finding `json:"slow"`
}

// pair is a link, the lower rank first.
type pair [2]int

// judge compares the ranks of one size. A ratio is a time in medians; 1 stands for all that is not slow.
type judge struct {
	factor    float64
	ranks     []Rank // by rank
	nodes     map[int][]int
	additions []float64 // ratio by rank
	links     map[pair]float64
}

// Judge names what is slower than factor medians. The ranks are in their order.
func Judge(bytes, iterations int64, ranks []Rank, factor float64) Size {
	j := judge{factor: factor, ranks: ranks, nodes: map[int][]int{}}
	var additions []float64
	for _, r := range ranks {
		j.nodes[r.Node] = append(j.nodes[r.Node], r.Rank)
		additions = append(additions, r.Additions.Mean)
	}
	reference := median(additions)
	for _, t := range additions {
		j.additions = append(j.additions, j.ratio(t, reference))
	}
	j.compareLinks()
	return Size{Bytes: bytes, Iterations: iterations, Ranks: ranks, Slow: j.findings()}
}

// median is the lower one of an even number.
func median(values []float64) float64 {
	return slices.Sorted(slices.Values(values))[(len(values)-1)/2]
}

func (j *judge) ratio(t, reference float64) float64 {
	if t <= j.factor*reference || t-reference <= noise.Seconds() {
		return 1
	}
	return t / max(reference, time.Nanosecond.Seconds())
}

func (j *judge) between(p pair) bool { return j.ranks[p[0]].Node != j.ranks[p[1]].Node }

// compareLinks fills links. A link takes what its faster end has seen: the other one may be woken late.
func (j *judge) compareLinks() {
	times := map[pair]float64{}
	for _, r := range j.ranks {
		for _, link := range r.Links {
			p := pair{min(r.Rank, link.Peer), max(r.Rank, link.Peer)}
			if before, known := times[p]; !known || link.Exchange.Min < before {
				times[p] = link.Exchange.Min
			}
		}
	}
	j.links = map[pair]float64{}
	for _, between := range []bool{false, true} {
		fastest := map[int]float64{} // by rank
		for p, t := range times {
			for _, rank := range p {
				if before, known := fastest[rank]; j.between(p) == between && (!known || t < before) {
					fastest[rank] = t
				}
			}
		}
		for p, t := range times {
			if j.between(p) == between {
				j.links[p] = j.ratio(t, median(slices.Collect(maps.Values(fastest))))
			}
		}
	}
}

// slowest is the least of the ratios, so above 1 if all of them are slow; 1 if there are too few.
func slowest(ratios []float64, least int) float64 {
	if len(ratios) < least {
		return 1
	}
	return slices.Min(ratios)
}

func (j *judge) findings() []Finding {
	found := []Finding{} // never null in JSON
	named := map[int]bool{}
	for _, node := range slices.Sorted(maps.Keys(j.nodes)) {
		if f, slow := j.node(node); slow {
			found = append(found, f)
			for _, rank := range f.Ranks {
				named[rank] = true
			}
		}
	}
	for rank := range j.ranks {
		if f, slow := j.rank(rank); slow && !named[rank] {
			found = append(found, f)
			named[rank] = true
		}
	}
	for _, p := range slices.SortedFunc(maps.Keys(j.links), func(a, b pair) int { return slices.Compare(a[:], b[:]) }) {
		if times := j.links[p]; times > 1 && !named[p[0]] && !named[p[1]] {
			found = append(found, Finding{"link", p[:], times,
				fmt.Sprintf("the link between %v and %v is slow: %.1f times the median", j.ranks[p[0]], j.ranks[p[1]], times)})
		}
	}
	slices.SortStableFunc(found, func(a, b Finding) int { return cmp.Compare(b.Times, a.Times) })
	return found
}

// node judges a node of several ranks, of several nodes.
func (j *judge) node(node int) (Finding, bool) {
	ranks := j.nodes[node]
	if len(ranks) < 2 || len(j.nodes) < 2 {
		return Finding{}, false
	}
	var additions, links []float64
	for _, rank := range ranks {
		additions = append(additions, j.additions[rank])
	}
	others := map[int]bool{}
	for p, times := range j.links {
		a, b := j.ranks[p[0]].Node, j.ranks[p[1]].Node
		if a != b && (a == node || b == node) {
			links = append(links, times)
			others[a], others[b] = true, true
		}
	}
	if len(others) < 3 { // itself and one more: either may be the slow one
		links = nil
	}
	return j.finding("node", ranks, fmt.Sprintf("node %d (%s)", node, j.ranks[ranks[0]].Host),
		slowest(additions, 1), "the additions of all its ranks", slowest(links, 2), "the transfers with all nodes beside it")
}

func (j *judge) rank(rank int) (Finding, bool) {
	var links []float64
	for p, times := range j.links {
		if slices.Contains(p[:], rank) {
			links = append(links, times)
		}
	}
	return j.finding("rank", []int{rank}, j.ranks[rank].String(),
		j.additions[rank], "its additions", slowest(links, 2), "its transfers with both neighbours")
}

// finding words what of two things is slower.
func (j *judge) finding(kind string, ranks []int, name string, first float64, what string, second float64, whatElse string) (Finding, bool) {
	times := max(first, second)
	if second > first {
		what = whatElse
	}
	return Finding{kind, ranks, times, fmt.Sprintf("%s is slow: %s take %.1f times the median", name, what, times)}, times > 1
}
