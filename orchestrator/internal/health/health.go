// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package health finds what is slow in the all-reduce test of spec section 16, point 4.
//
// All ranks leave a sum together, when the slowest has done its part, so the time of the sum tells
// nothing about a rank. Each rank therefore also measures two things that it does not wait for the
// others in: its own additions of as many values, and swaps with each of its two neighbours in the ring,
// a pair at a time. The mean of the additions, done for a while without a pause so that it has in it what
// else the processor does, and the fastest swap, as others are often those of a rank that was woken late,
// are set against the median of all ranks:
//
//   - a rank is slow if its additions are, or if its swaps with both neighbours are;
//   - a node is slow if all its ranks are slow in their additions, or if all its links to two other nodes
//     or more are;
//   - a link is slow if its swaps are and neither of its ends is named already.
//
// Links inside a node are compared with each other, and so are links between nodes. Half of the links of
// a small ring end at a slow rank, so their median is that of each rank's fastest link. Two ranks have one
// link and only their additions tell them apart; of two the faster one counts as the median.
package health

import (
	"fmt"
	"time"

	"mlperf-ssd/proto/ssdpb"
)

// DefaultFactor is how many times the median counts as slow. Ranks on processors that share a machine
// differ by less.
const DefaultFactor = 2

// noise is what a time may be above the median whatever the factor: a wake-up or two.
const noise = 50 * time.Microsecond

// Spread is the time of an iteration, in seconds.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Mean   float64 `json:"mean"`
}

// Link is a rank's swaps with a neighbour.
type Link struct {
	Peer     int    `json:"peer"`
	Exchange Spread `json:"exchange_seconds"`
}

// Times are what one rank has measured.
type Times struct {
	Sum          Spread  `json:"sum_seconds"`
	BusBandwidth float64 `json:"bus_bytes_per_second"`
	Additions    Spread  `json:"additions_seconds"` // its own
	Links        []Link  `json:"links"`
	WrongValues  int64   `json:"wrong_values"`
}

// Rank is a rank with its place.
type Rank struct {
	Rank int    `json:"rank"`
	Node int    `json:"node"`
	Host string `json:"host"`
	Times
}

func (r Rank) String() string { return fmt.Sprintf("rank %d on %s (node %d)", r.Rank, r.Host, r.Node) }

// TimesOf takes the words of an engine.
func TimesOf(report *ssdpb.AllreduceTimes) Times {
	t := Times{
		Sum:          spreadOf(report.GetSum()),
		BusBandwidth: report.GetBusBandwidth(),
		Additions:    spreadOf(report.GetLocal()),
		WrongValues:  report.GetWrongValues(),
	}
	for _, link := range report.GetLinks() {
		t.Links = append(t.Links, Link{int(link.GetPeer()), spreadOf(link.GetExchange())})
	}
	return t
}

func spreadOf(s *ssdpb.AllreduceTimes_Seconds) Spread {
	return Spread{s.GetMedian(), s.GetMin(), s.GetMax(), s.GetMean()}
}
