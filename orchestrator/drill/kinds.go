// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// target is what a strike hits.
type target string

const (
	rank     target = "rank"
	launcher target = "launcher" // of the ranks; on a cluster the one in the job
	node     target = "node"
	home     target = "home" // the launcher's node, without power
)

// kind is one way to strike a run, and what has to come of it.
type kind struct {
	name    string
	target  target
	signal  unix.Signal   // 0: name is a command of the cluster's `node`
	repair  string        // the command that undoes it
	code    int           // how launch ends
	says    string        // regular expression of the cause in run.json
	noticed time.Duration // until somebody is named; 0 = nobody is
	stopped time.Duration // until the other ranks are gone
	ended   time.Duration // until launch is, and every process
}

// The figures of a run on one machine: a dead rank is noticed in 0.2 s, all are stopped in two.
const (
	deadNoticed = 200 * time.Millisecond
	lostNoticed = 5 * time.Second
	allStopped  = 2 * time.Second
	joinLimit   = 30 * time.Second // without a sign of life before all have met
	stepTime    = 20 * time.Second // of the real engine, at whose end it stops, beside others
)

func localKinds() []kind {
	return []kind{
		{"KILL", rank, unix.SIGKILL, "", 1, "killed", deadNoticed, allStopped, allStopped},
		{"SEGV", rank, unix.SIGSEGV, "", 1, "SIGSEGV|segmentation", deadNoticed, allStopped, allStopped},
		{"TERM", rank, unix.SIGTERM, "", 1, "terminated|exit code 130", deadNoticed, allStopped, allStopped},
		{"STOP", rank, unix.SIGSTOP, "", 1, "no sign of life|did not join", lostNoticed, lostNoticed + allStopped, lostNoticed + allStopped},
		{"INT", launcher, unix.SIGINT, "", 130, "interrupted", 0, allStopped, allStopped},
		{"TERM", launcher, unix.SIGTERM, "", 130, "interrupted", 0, allStopped, allStopped},
		{"KILL", launcher, unix.SIGKILL, "", -1, "", 0, allStopped, allStopped},
	}
}

// A job's end is seen by asking every two seconds, and Slurm gives a lost node time.
const (
	jobEnd  = 15 * time.Second
	lostEnd = 60 * time.Second
	// Until a rank on another node takes a silent launcher for lost.
	launcherLost = 10 * time.Second
)

func clusterKinds() []kind {
	var kinds []kind
	for _, k := range localKinds() {
		k.ended = jobEnd
		switch {
		case k.target == rank && k.name != "STOP":
			k.noticed = time.Second // srun tells
			k.stopped += k.noticed
		case k.name == "KILL":
			k.code, k.says = 1, "the launcher is lost: "
		}
		kinds = append(kinds, k)
	}
	// Nodes are struck as often as all the rest.
	for range 4 {
		kinds = append(kinds,
			kind{"cut", node, 0, "join", 1, "no sign of life|connection", lostNoticed, lostNoticed + allStopped, lostEnd},
			kind{"fail", node, 0, "start", 1, "no sign of life|connection", lostNoticed, lostNoticed + allStopped, lostEnd})
	}
	return kinds
}

// The places of a run.
const (
	onFake    = "fake"    // here, on the engine without maths
	onReal    = "real"    // here
	onCluster = "cluster" // eight ranks on four nodes, on the engine without maths
)

// strike is one drawn case.
type strike struct {
	kind
	place  string
	ranks  int
	victim int           // rank, or number of the node, from 1
	after  time.Duration // from the start; on a cluster from when the ranks met
}

// atHome is the strike of a node on that of the launcher. Cut off, it names its own node, and the others
// stop by themselves; without power it can tell nothing, and the launch that waits for the job does.
func (s strike) atHome() strike {
	s.stopped = launcherLost + allStopped
	if s.name == "fail" {
		s.target, s.says, s.noticed = home, "the launcher is lost: .*, its launcher was on n1", 0
	} else {
		s.says = "no sign of life from any other node"
	}
	return s
}

// draw takes a strike, of one kind if only names it.
func draw(rng *rand.Rand, place, only string) (strike, error) {
	s := strike{place: place, ranks: 2, after: 6 * time.Second}
	kinds := localKinds()
	switch place {
	case onFake:
		s.ranks, s.after = 2+rng.IntN(3), 1500*time.Millisecond
	case onCluster:
		s.ranks, s.after, kinds = 2*clusterNodes, 3*time.Second, clusterKinds()
	}
	if only != "" {
		if kinds = slices.DeleteFunc(kinds, func(k kind) bool { return k.name != only }); len(kinds) == 0 {
			return s, fmt.Errorf("%s cannot be had on %s runs", only, place)
		}
	}
	s.after = time.Duration(rng.Int64N(int64(s.after)))
	s.kind = kinds[rng.IntN(len(kinds))]
	s.victim = rng.IntN(s.ranks)
	if s.target == node {
		if s.victim = 1 + rng.IntN(clusterNodes); s.victim == 1 {
			s = s.atHome()
		}
	}
	return s, nil
}
