// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"mlperf-ssd/orchestrator/internal/ssdnames"
)

// Target is the accuracy that a run must reach.
const Target = 0.230

// noTime is what the earliest init_start is compared with first, as in the official checker.
const noTime = 9e99

// Check reads a log and applies every rule. The error is one of reading.
func Check(log io.Reader) (Report, error) {
	c := New()
	if err := Scan(log, c.Line); err != nil {
		return Report{}, err
	}
	return c.Report(), nil
}

// Checker applies the rules to the lines of one log as they come.
type Checker struct {
	errors, warnings findings
	closed           findings // errors that count in the closed division alone

	lines     int
	rules     map[string]rule
	seen      map[string]Raw // keys so far, with the value that came first
	firstInit float64
	best      float64 // accuracy
	reached   bool    // the target
	below1    bool    // an accuracy
	tensors   map[string]int
	strict    *strict // nil: not wanted
}

// rule is how often a key that the rules name may stand, and where.
type rule struct{ once, closed bool }

// New starts a check.
func New() *Checker {
	c := &Checker{rules: map[string]rule{}, seen: map[string]Raw{}, firstInit: noTime, best: math.Inf(-1), tensors: map[string]int{}}
	for _, key := range closedOnly() {
		c.rules[key] = rule{once: true, closed: true}
	}
	for _, key := range onceOnly() {
		c.rules[key] = rule{once: true}
	}
	for _, keys := range append(alternatives(), []string{"weights_initialization"}) {
		for _, key := range keys {
			c.rules[key] = rule{}
		}
	}
	for _, name := range ssdnames.Tensors() {
		c.tensors[name] = 0
	}
	return c
}

// Line applies the rules of one line.
func (c *Checker) Line(l Line) {
	c.lines++
	if l.Problem != "" {
		c.errors.add(Finding{Line: l.Number, Problem: l.Problem})
		return
	}
	if c.strict != nil {
		c.strict.line(l, &c.warnings)
	}
	c.apply(l)
	c.count(l)
}

// closedOnly are the keys whose rules only the closed division has.
func closedOnly() []string {
	return []string{
		"gradient_accumulation_steps", "global_batch_size", "model_bn_span", "opt_learning_rate_warmup_factor",
		"opt_learning_rate_warmup_steps", "opt_weight_decay", "opt_base_learning_rate", "max_samples",
		"opt_learning_rate_decay_boundary_epochs",
	}
}

// onceOnly are the keys that must stand once in either division.
func onceOnly() []string {
	return []string{
		"submission_org", "submission_platform", "submission_division", "submission_status", "submission_benchmark",
		"init_stop", "run_start", "run_stop", "train_samples", "eval_samples",
	}
}

// alternatives are the keys of which at least one must stand in either division.
func alternatives() [][]string {
	return [][]string{
		{"cache_clear"}, {"init_start"}, {"eval_accuracy"},
		{"epoch_start", "block_start"}, {"epoch_stop", "block_stop"},
		{"eval_start", "block_start"}, {"eval_stop", "block_stop"},
	}
}

// count notes that a key has occurred: once, and with which value.
func (c *Checker) count(l Line) {
	rule, ruled := c.rules[l.Key]
	if !ruled {
		return
	}
	first, again := c.seen[l.Key]
	if !again {
		c.seen[strings.Clone(l.Key)] = slices.Clone(l.Value)
	}
	if !again || !rule.once {
		return
	}
	f := Finding{Line: l.Number, Key: l.Key, Problem: "stands again with the same value", Expected: shown(first), Found: shown(l.Value)}
	if equal(first, l.Value) {
		c.warnings.add(f)
		return
	}
	f.Problem = "stands again with another value"
	c.list(rule.closed).add(f)
}

// list is where errors of a rule go.
func (c *Checker) list(closed bool) *findings {
	if closed {
		return &c.closed
	}
	return &c.errors
}

// has says whether a key has occurred on an earlier line.
func (c *Checker) has(key string) bool { return c.seen[key] != nil }

// shown is a value as the log has it, cut short.
func shown(value Raw) string {
	if len(value) > 200 {
		return value[:200].String() + "..."
	}
	return value.String()
}

// Report ends the check: what must stand somewhere in the log.
func (c *Checker) Report() Report {
	if c.lines == 0 {
		return Report{Findings: []Finding{{Problem: "is no MLPerf log: no line begins with :::MLLOG"}}}
	}
	open := c.has("submission_division") && c.seen["submission_division"].is("open")
	c.occurrences(open)
	c.accuracy(open)
	if !open {
		c.missingTensors()
		for _, f := range c.closed.kept {
			c.errors.add(f)
		}
		c.errors.more += c.closed.more
	}
	all := append([]Finding{}, c.errors.all(false)...)
	all = append(all, c.warnings.all(true)...)
	slices.SortStableFunc(all, func(a, b Finding) int { return a.Line - b.Line })
	return Report{Findings: all}
}

func (c *Checker) missing(keys ...string) {
	c.errors.add(Finding{Key: strings.Join(keys, " or "), Problem: "is missing"})
}

func (c *Checker) occurrences(open bool) {
	once, least := onceOnly(), alternatives()
	if !open {
		once = append(once, closedOnly()...)
		least = append(least, []string{"weights_initialization"})
	}
	for _, key := range once {
		if !c.has(key) {
			c.missing(key)
		}
	}
	for _, keys := range least {
		if !slices.ContainsFunc(keys, c.has) {
			c.missing(keys...)
		}
	}
}

// accuracy wants the target reached; the open division has none, but wants a value below 1.
func (c *Checker) accuracy(open bool) {
	f := Finding{Key: "eval_accuracy", Problem: "the target was not reached",
		Expected: fmt.Sprintf("at least %.3f and below 1", Target)}
	if !math.IsInf(c.best, -1) {
		f.Found = fmt.Sprint(c.best)
	}
	if open {
		f.Problem, f.Expected = "no value is below 1", "a fraction below 1"
	}
	if enough := c.reached || open && c.below1; c.has("eval_accuracy") && !enough {
		c.errors.add(f)
	}
}

func (c *Checker) missingTensors() {
	if !c.has("weights_initialization") {
		return // occurrences has said so
	}
	names := slices.DeleteFunc(ssdnames.Tensors(), func(name string) bool { return c.tensors[name] > 0 })
	for i, name := range names {
		if i == 10 {
			c.errors.add(Finding{Key: "weights_initialization", Problem: fmt.Sprintf("%d tensors more are missing", len(names)-i)})
			return
		}
		c.errors.add(Finding{Key: "weights_initialization", Problem: "tensor " + name + " is missing"})
	}
}
