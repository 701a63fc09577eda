// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"fmt"
	"math"
)

// Strict adds warnings of what the official checker does not test: a run that did not succeed, a clock
// that goes back, epochs out of order, either decay boundary, event types that nobody knows. Call it
// before the first line.
func (c *Checker) Strict() *Checker {
	c.strict = &strict{clock: math.Inf(-1)}
	return c
}

type strict struct {
	clock     float64 // the latest time so far
	epoch     float64 // begun last
	open      bool
	evaluated float64 // begun to evaluate last
}

func (s *strict) line(l Line, warnings *findings) {
	warn := func(expected, found, format string, args ...any) {
		warnings.add(Finding{Line: l.Number, Key: l.Key, Problem: fmt.Sprintf(format, args...), Expected: expected, Found: found})
	}
	if l.Key == "" {
		warn("", "", "the key is no string")
	}
	if known := l.Event.is("INTERVAL_START") || l.Event.is("INTERVAL_END") || l.Event.is("POINT_IN_TIME"); !known {
		warn("INTERVAL_START, INTERVAL_END or POINT_IN_TIME", shown(l.Event), "has an unknown event_type")
	}
	if l.Key != "init_start" { // which every rank prints
		if l.TimeMS < s.clock {
			warn("", "", "the clock goes back %.0f ms", s.clock-l.TimeMS)
		}
		s.clock = max(s.clock, l.TimeMS)
	}
	switch l.Key {
	case "run_stop":
		if status, ok := l.Metadata.Member("status"); ok && !status.is("success") {
			warn(`"success"`, shown(status), "the run did not succeed")
		}
	case "opt_learning_rate_decay_boundary_epochs":
		s.decay(l, warn)
	case "epoch_start", "epoch_stop", "eval_start", "eval_stop", "eval_accuracy":
		if epoch, ok := l.Metadata.Member("epoch_num"); ok {
			s.epochs(l.Key, epoch, warn)
		}
	}
}

type warning func(expected, found, format string, args ...any)

func (s *strict) decay(l Line, warn warning) {
	boundaries, _ := l.Value.Elements()
	if len(boundaries) != 2 || !followsRule(boundaries[0], 40) || !followsRule(boundaries[1], 50) {
		warn("[40, 50] x (1 + k/10)", shown(l.Value), "a boundary does not follow the rule")
		return
	}
	first, _ := boundaries[0].Number()
	second, _ := boundaries[1].Number()
	if math.Abs(first/40-second/50) > 1e-6 {
		warn("[40, 50] x (1 + k/10)", shown(l.Value), "the boundaries have different k")
	}
}

func (s *strict) epochs(key string, value Raw, warn warning) {
	epoch, ok := value.Number()
	if !ok {
		warn("a number", shown(value), "its epoch_num is no number")
		return
	}
	wanted := func(number float64) string { return fmt.Sprintf("epoch_num %v", number) }
	found := "epoch_num " + shown(value)
	switch key {
	case "epoch_start":
		if s.open || epoch != s.epoch+1 {
			warn(wanted(s.epoch+1), found, "epochs are out of order")
		}
		s.epoch, s.open = epoch, true
	case "epoch_stop":
		if !s.open || epoch != s.epoch {
			warn(wanted(s.epoch), found, "epochs are out of order")
		}
		s.open = false
	case "eval_start":
		if epoch <= s.evaluated || epoch > s.epoch {
			warn(fmt.Sprintf("above %v, at most %v", s.evaluated, s.epoch), found, "evaluations are out of order")
		}
		s.evaluated = epoch
	default:
		if epoch > s.evaluated {
			warn(fmt.Sprintf("at most %v", s.evaluated), found, "stands before its eval_start")
		}
	}
}
