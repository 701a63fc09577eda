// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"

	"mlperf-ssd/orchestrator/internal/ssdnames"
)

// Report is what a check found.
type Report struct {
	Findings []Finding `json:"findings"`
}

// Errors are the findings that fail the log.
func (r Report) Errors() []Finding { return r.filter(false) }

// Warnings are the others.
func (r Report) Warnings() []Finding { return r.filter(true) }

func (r Report) filter(warning bool) []Finding {
	var out []Finding
	for _, f := range r.Findings {
		if f.Warning == warning {
			out = append(out, f)
		}
	}
	return out
}

// Check reads a log and applies every rule. The error is one of reading.
func Check(log io.Reader) (Report, error) {
	events, findings, err := read(log)
	if err != nil {
		return Report{}, fmt.Errorf("compliance: read: %w", err)
	}
	c := &checker{seen: map[string][]Event{}, findings: findings}
	for _, event := range events {
		c.event(event)
		c.seen[event.Key] = append(c.seen[event.Key], event)
	}
	c.counts()
	c.accuracy()
	c.tensors()
	slices.SortStableFunc(c.findings, func(a, b Finding) int { return a.Line - b.Line })
	return Report{Findings: c.findings}, nil
}

type checker struct {
	seen     map[string][]Event // before the current line
	findings []Finding
}

func (c *checker) add(e Event, problem, expected string) {
	f := Finding{Line: e.Line, Key: e.Key, Problem: problem, Expected: expected}
	if expected != "" {
		f.Found = found(e.Value)
	}
	c.findings = append(c.findings, f)
}

// found is a value as the log has it.
func found(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}

func (c *checker) missing(key, problem string) {
	c.findings = append(c.findings, Finding{Key: key, Problem: problem})
}

// event applies the rules of one line.
func (c *checker) event(e Event) {
	switch e.Key {
	case "submission_org", "submission_platform", "train_samples", "eval_samples":
		if e.Value == "" {
			c.add(e, "must not be empty", "")
		}
	case "submission_division":
		c.oneOf(e, "closed", "open")
	case "submission_status":
		c.oneOf(e, "cloud", "onprem", "preview", "research")
	case "submission_benchmark":
		c.oneOf(e, "resnet", "ssd", "maskrcnn", "minigo", "dlrm", "bert", "rnnt", "unet3d")
	case "init_start", "init_stop", "run_start", "run_stop":
		c.order(e)
	case "epoch_start", "epoch_stop", "eval_start", "eval_stop", "eval_accuracy":
		c.metadata(e, "epoch_num")
	case "block_start":
		c.blockStart(e)
	case "block_stop":
		c.metadata(e, "first_epoch_num")
	case "weights_initialization":
		c.metadata(e, "tensor")
	case "gradient_accumulation_steps":
		c.number(e, "above 0", func(v float64) bool { return v > 0 })
	case "model_bn_span", "opt_learning_rate_warmup_steps":
		c.number(e, "at least 1", func(v float64) bool { return v >= 1 })
	case "opt_learning_rate_warmup_factor":
		c.number(e, "at least 0", func(v float64) bool { return v >= 0 })
	case "max_samples":
		c.number(e, "1 or 50", func(v float64) bool { return v == 1 || v == 50 })
	case "opt_learning_rate_decay_boundary_epochs":
		c.decay(e)
	}
}

func (c *checker) oneOf(e Event, words ...string) {
	if s, ok := e.Value.(string); !ok || !slices.Contains(words, s) {
		c.add(e, "has a value that the rules do not know", "one of "+strings.Join(words, ", "))
	}
}

func (c *checker) number(e Event, expected string, valid func(float64) bool) {
	if v, ok := e.Value.(float64); !ok || !valid(v) {
		c.add(e, "is out of range", expected)
	}
}

func (c *checker) metadata(e Event, key string) {
	if _, ok := e.Metadata[key]; !ok {
		c.add(e, "its metadata lack "+key, "")
	}
}

func (c *checker) blockStart(e Event) {
	if len(c.seen["run_start"]) == 0 {
		c.add(e, "comes before run_start", "")
	}
	c.metadata(e, "first_epoch_num")
	if n, ok := e.Metadata["epoch_count"].(float64); !ok || n <= 0 {
		c.add(e, "its metadata need epoch_count above 0", "")
	}
}

// order holds init_start, init_stop, run_start and run_stop in their order and the time between.
func (c *checker) order(e Event) {
	after := map[string]string{"init_stop": "init_start", "run_start": "init_stop", "run_stop": "run_start"}
	before := map[string][]string{"init_start": {"init_stop", "run_start"}, "init_stop": {"run_start"}}
	if need := after[e.Key]; need != "" && len(c.seen[need]) == 0 {
		c.add(e, "comes before "+need, "")
	}
	for _, later := range before[e.Key] {
		if len(c.seen[later]) > 0 {
			c.add(e, "comes after "+later, "")
		}
	}
	if e.Key == "run_stop" {
		c.metadata(e, "status")
	}
	if starts := c.seen["init_start"]; e.Key == "init_stop" && len(starts) > 0 {
		earliest := starts[0].TimeMS
		for _, start := range starts {
			earliest = min(earliest, start.TimeMS)
		}
		if minutes := (e.TimeMS - earliest) / 60000; minutes >= 30 {
			c.add(e, fmt.Sprintf("comes %.1f minutes after init_start, must be less than 30", minutes), "")
		}
	}
}

// decay tests the second boundary as the official checker does: 50 (1 + k/10).
func (c *checker) decay(e Event) {
	boundaries, ok := e.Value.([]any)
	if !ok || len(boundaries) != 2 {
		c.add(e, "must be a list of two epochs", "")
		return
	}
	second, ok := boundaries[1].(float64)
	k := 10 * (second/50 - 1)
	if !ok || math.Abs(k-math.Round(k)) > 1e-5 {
		c.add(e, "second boundary does not follow the rule", "[40, 50] x (1 + k/10)")
	}
}

// counts holds how often each key must stand in the log.
func (c *checker) counts() {
	for _, key := range []string{
		"submission_org", "submission_platform", "submission_division", "submission_status", "submission_benchmark",
		"init_stop", "run_start", "run_stop", "train_samples", "eval_samples", "gradient_accumulation_steps",
		"global_batch_size", "model_bn_span", "opt_learning_rate_warmup_factor", "opt_learning_rate_warmup_steps",
		"opt_weight_decay", "opt_base_learning_rate", "max_samples", "opt_learning_rate_decay_boundary_epochs",
	} {
		c.exactlyOne(key, c.seen[key])
	}
	for _, keys := range [][]string{
		{"cache_clear"}, {"init_start"}, {"eval_accuracy"}, {"weights_initialization"},
		{"epoch_start", "block_start"}, {"epoch_stop", "block_stop"},
		{"eval_start", "block_start"}, {"eval_stop", "block_stop"},
	} {
		if !slices.ContainsFunc(keys, func(key string) bool { return len(c.seen[key]) > 0 }) {
			c.missing(strings.Join(keys, " or "), "is missing")
		}
	}
}

func (c *checker) exactlyOne(key string, events []Event) {
	if len(events) == 0 {
		c.missing(key, "is missing")
		return
	}
	for _, e := range events[1:] {
		same := reflect.DeepEqual(e.Value, events[0].Value)
		problem := "stands again with another value"
		if same {
			problem = "stands again with the same value"
		}
		c.findings = append(c.findings, Finding{Line: e.Line, Key: key, Problem: problem, Warning: same,
			Expected: found(events[0].Value), Found: found(e.Value)})
	}
}

// Target is the accuracy that a run must reach.
const Target = 0.230

func (c *checker) accuracy() {
	best := math.Inf(-1)
	for _, e := range c.seen["eval_accuracy"] {
		if v, ok := e.Value.(float64); ok {
			if v >= Target && v < 1 {
				return
			}
			best = max(best, v)
		}
	}
	if len(c.seen["eval_accuracy"]) > 0 {
		c.findings = append(c.findings, Finding{Key: "eval_accuracy", Problem: "the target was not reached",
			Expected: fmt.Sprintf("at least %.3f and below 1", Target), Found: fmt.Sprint(best)})
	}
}

// tensors wants each of the 119 names once.
func (c *checker) tensors() {
	if len(c.seen["weights_initialization"]) == 0 {
		return // counts has said so
	}
	missing := map[string]bool{}
	for _, name := range ssdnames.Tensors() {
		missing[name] = true
	}
	for _, e := range c.seen["weights_initialization"] {
		name, present := e.Metadata["tensor"]
		text, _ := name.(string)
		first, known := missing[text]
		switch {
		case !present: // its line has said so
		case !known:
			c.add(e, fmt.Sprintf("tensor %v is unknown", name), "")
		case !first:
			c.add(e, fmt.Sprintf("tensor %s stands again", text), "")
		default:
			missing[text] = false
		}
	}
	for _, name := range ssdnames.Tensors() {
		if missing[name] {
			c.missing("weights_initialization", fmt.Sprintf("tensor %s is missing", name))
		}
	}
}
