// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// Report is a whole test.
type Report struct {
	Ranks  int     `json:"ranks"`
	Nodes  int     `json:"nodes"`
	Factor float64 `json:"factor"` // this many medians count as slow
	Sizes  []Size  `json:"sizes"`
}

// Slow is what is slow at any size, once.
func (r Report) Slow() []string {
	var texts []string
	for _, size := range r.Sizes {
		for _, f := range size.Slow {
			texts = append(texts, fmt.Sprintf("%s (at %d bytes)", f.Text, size.Bytes))
		}
	}
	return texts
}

// Wrong is an error that names the ranks with wrong values; nil if all are right.
func (r Report) Wrong() error {
	var wrong []error
	for _, size := range r.Sizes {
		for _, rank := range size.Ranks {
			if rank.WrongValues > 0 {
				wrong = append(wrong, fmt.Errorf("all-reduce of %d bytes: %v has %d wrong values", size.Bytes, rank, rank.WrongValues))
			}
		}
	}
	return errors.Join(wrong...)
}

// slowestSum is the sum's time on the rank where it takes longest.
func (s Size) slowestSum() Rank {
	return slices.MaxFunc(s.Ranks, func(a, b Rank) int {
		if a.Sum.Median > b.Sum.Median {
			return 1
		}
		return -1
	})
}

// Write prints a table a size, and what is slow.
func (r Report) Write(w io.Writer) error {
	for _, size := range r.Sizes {
		slowest := size.slowestSum()
		fmt.Fprintf(w, "all-reduce of %d bytes on %d ranks of %d nodes, %d times: median %.3f ms, bus bandwidth %.2f GB/s\n",
			size.Bytes, r.Ranks, r.Nodes, size.Iterations, slowest.Sum.Median*1e3, slowest.BusBandwidth/1e9)
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(table, "rank\tnode\thost\tsum ms\tleast\tmost\tadditions ms\tprevious ms\tnext ms\twrong\t")
		for _, rank := range size.Ranks {
			previous, next := rank.neighbours(len(size.Ranks))
			fmt.Fprintf(table, "%d\t%d\t%s\t%.3f\t%.3f\t%.3f\t%.3f\t%s\t%s\t%d\t\n", rank.Rank, rank.Node, rank.Host, rank.Sum.Median*1e3,
				rank.Sum.Min*1e3, rank.Sum.Max*1e3, rank.Additions.Mean*1e3, previous, next, rank.WrongValues)
		}
		if err := table.Flush(); err != nil {
			return err
		}
		for _, f := range size.Slow {
			fmt.Fprintln(w, f.Text)
		}
		if len(size.Slow) == 0 {
			fmt.Fprintf(w, "nothing takes %g times the median\n", r.Factor)
		}
	}
	return nil
}

// neighbours words the fastest of the swaps with the rank before and the rank after.
func (r Rank) neighbours(world int) (previous, next string) {
	words := map[int]string{}
	for _, link := range r.Links {
		words[link.Peer] = fmt.Sprintf("%.3f", link.Exchange.Min*1e3)
	}
	word := func(rank int) string {
		if text, known := words[rank]; known {
			return text
		}
		return "-"
	}
	return word((r.Rank + world - 1) % world), word((r.Rank + 1) % world)
}
