// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package rendezvous

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// checkPhases looks for ranks that are too long in a phase without steps.
func (r *Room) checkPhases(now time.Time) {
	for phase, limit := range map[string]time.Duration{
		PhaseStart: r.Limits.Prepare, PhasePrepare: r.Limits.Prepare, PhaseTest: r.Limits.Prepare, PhaseEvaluate: r.Limits.Evaluate, PhaseSave: r.Limits.Evaluate,
	} {
		hung := slices.DeleteFunc(r.working(phase), func(rank int) bool { return !over(r.seats[rank].progressed, now, limit) })
		r.blame(hung, fmt.Sprintf("hangs: %v in this phase", limit))
	}
}

// blame fails the ranks that the others wait for, or all together if none stands out.
func (r *Room) blame(ranks []int, text string) {
	if ranks = r.missing(ranks); len(ranks) == r.World && r.World > 1 {
		s := r.seats[0].state
		r.fail(-1, Own, fmt.Sprintf("all %d ranks, %s: %s%s", r.World, s, text, doing(s)))
		return
	}
	waiting, where := 0, ""
	for _, rank := range r.working() {
		if s := r.seats[rank].state; s.Waiting && !slices.Contains(ranks, rank) {
			waiting, where = waiting+1, s.Doing
		}
	}
	for _, rank := range ranks {
		words := text + doing(r.seats[rank].state)
		if waiting > 0 {
			words += fmt.Sprintf("; %d of the others wait in %s", waiting, where)
		}
		r.fail(rank, Own, words)
	}
}

func doing(s State) string {
	if s.Doing == "" {
		return ""
	}
	return ", " + s.Doing
}

// missing are those of the ranks that have begun the fewest collectives, and of these the ones that wait
// in none, if there are any.
func (r *Room) missing(ranks []int) []int {
	state := func(rank int) State { return r.seats[rank].state }
	var behind, outside []int
	for _, rank := range ranks {
		if len(behind) > 0 && state(rank).Collectives < state(behind[0]).Collectives {
			behind = nil
		}
		if len(behind) == 0 || state(rank).Collectives == state(behind[0]).Collectives {
			behind = append(behind, rank)
		}
	}
	for _, rank := range behind {
		if !state(rank).Waiting {
			outside = append(outside, rank)
		}
	}
	if len(outside) > 0 {
		return outside
	}
	return behind
}

// checkSteps looks for ranks without a step. As ranks wait for each other in a step, those that have
// done the fewest are named.
func (r *Room) checkSteps(now time.Time) {
	training := r.working(PhaseTrain)
	if len(r.working(PhaseStart, PhasePrepare, PhaseEvaluate, PhaseSave)) > 0 { // may be what the others wait for
		for _, rank := range training {
			r.seats[rank].progressed = now
		}
		return
	}
	limit := max(r.Limits.Hang, 3*Heartbeat) // of all, as they step together; a step is told a heartbeat late
	for _, rank := range training {
		s := r.seats[rank]
		if limit = max(limit, 10*s.stepTime); s.first {
			limit = max(limit, r.Limits.Prepare)
		}
	}
	var still []int // for half of what is allowed or longer
	hung := false
	for _, rank := range training {
		since := r.seats[rank].progressed
		hung = hung || r.Limits.Hang > 0 && over(since, now, limit)
		if over(since, now, limit/2) {
			still = append(still, rank)
		}
	}
	if !hung {
		return
	}
	step := func(rank int) int64 { return r.seats[rank].state.Step }
	least := step(slices.MinFunc(still, func(a, b int) int { return cmp.Compare(step(a), step(b)) }))
	behind := slices.DeleteFunc(still, func(rank int) bool { return step(rank) > least })
	since := slices.MinFunc(behind, func(a, b int) int { return r.seats[a].progressed.Compare(r.seats[b].progressed) })
	r.blame(behind, fmt.Sprintf("hangs: no step for %.1f s", now.Sub(r.seats[since].progressed).Seconds()))
}
