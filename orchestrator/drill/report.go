// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// report is what --json prints.
type report struct {
	Seed      uint64    `json:"seed"`
	Patience  float64   `json:"patience_s"`
	NoCluster string    `json:"no_cluster,omitempty"` // why
	Strikes   []result  `json:"strikes"`
	Summary   []summary `json:"summary"`
	Wrong     int       `json:"wrong"`
}

// summary is of all strikes of a kind in a place.
type summary struct {
	Place   string `json:"place"`
	Kind    string `json:"kind"`
	Count   int    `json:"count"`
	Noticed *span  `json:"noticed_s,omitempty"`
	Stopped *span  `json:"stopped_s,omitempty"`
	Ended   *span  `json:"ended_s,omitempty"`
	Late    int    `json:"late"` // over the figure, within the patience
	Wrong   int    `json:"wrong"`
}

type span struct {
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

func (r result) String() string {
	text := fmt.Sprintf("%d: %s, %d ranks, %s to %s after %.2f s: ", r.Number, r.Place, r.Ranks, r.Kind, r.Victim, r.After)
	if r.Wrong != "" {
		return text + "WRONG: " + r.Wrong + "; see " + r.Folder
	}
	if r.Noticed != nil {
		text += fmt.Sprintf("named in %.2f s, ", *r.Noticed)
	}
	text += fmt.Sprintf("stopped in %.2f s, ended in %.2f s, log %s", *r.Stopped, *r.Ended, r.Log)
	if r.Late != "" {
		text += ", late: " + r.Late
	}
	return strings.TrimSuffix(text+"; "+r.Cause, "; ")
}

func (r *report) sum() {
	of := map[string][]result{}
	for _, s := range r.Strikes {
		who, _, _ := strings.Cut(s.Victim, " ")
		switch {
		case who == "n1":
			who = "launcher's node"
		case strings.HasPrefix(who, "n"):
			who = "node"
		}
		key := s.Place + "\x00" + s.Kind + " of a " + who
		of[key] = append(of[key], s)
	}
	for _, key := range slices.Sorted(maps.Keys(of)) {
		place, kind, _ := strings.Cut(key, "\x00")
		all := summary{Place: place, Kind: kind, Count: len(of[key])}
		var noticed, stopped, ended []float64
		for _, s := range of[key] {
			if s.Noticed != nil {
				noticed = append(noticed, *s.Noticed)
			}
			if s.Stopped != nil {
				stopped = append(stopped, *s.Stopped)
			}
			if s.Ended != nil {
				ended = append(ended, *s.Ended)
			}
			if s.Late != "" {
				all.Late++
			}
			if s.Wrong != "" {
				all.Wrong++
			}
		}
		all.Noticed, all.Stopped, all.Ended = spanOf(noticed), spanOf(stopped), spanOf(ended)
		r.Summary = append(r.Summary, all)
		r.Wrong += all.Wrong
	}
}

func spanOf(values []float64) *span {
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	n := len(values)
	return &span{Median: (values[(n-1)/2] + values[n/2]) / 2, Max: values[n-1]}
}

func (s *span) String() string {
	if s == nil {
		return "-\t-"
	}
	return fmt.Sprintf("%.2f\t%.2f", s.Median, s.Max)
}

func (r *report) print(out io.Writer) {
	fmt.Fprintln(out, "\nseconds; late: over its figure, within the patience")
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "place\tstrike\tcount\tnamed\tmax\tstopped\tmax\tended\tmax\tlate\twrong\t")
	for _, s := range r.Summary {
		fmt.Fprintf(table, "%s\t%s\t%d\t%v\t%v\t%v\t%d\t%d\t\n", s.Place, s.Kind, s.Count, s.Noticed, s.Stopped, s.Ended, s.Late, s.Wrong)
	}
	_ = table.Flush() // to a terminal or a file
	fmt.Fprintf(out, "%d strikes, %d wrong\n", len(r.Strikes), r.Wrong)
}
