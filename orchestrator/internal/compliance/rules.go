// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// apply applies the rules of one line, before it counts as seen.
func (c *Checker) apply(l Line) {
	switch l.Key {
	case "submission_org", "submission_platform", "train_samples", "eval_samples":
		if l.Value.is("") {
			c.add(l, "must not be empty", "")
		}
	case "submission_division":
		c.oneOf(l, "closed", "open")
	case "submission_status":
		c.oneOf(l, "cloud", "onprem", "preview", "research")
	case "submission_benchmark":
		c.benchmark(l)
	case "init_start", "init_stop", "run_start", "run_stop":
		c.order(l)
	case "epoch_start", "epoch_stop", "eval_start", "eval_stop":
		c.metadata(l, "epoch_num")
	case "eval_accuracy":
		c.metadata(l, "epoch_num")
		c.evaluated(l)
	case "block_start":
		c.blockStart(l)
	case "block_stop":
		c.metadata(l, "first_epoch_num")
	case "weights_initialization":
		c.tensor(l)
	case "gradient_accumulation_steps":
		c.number(l, "above 0", func(v float64) bool { return v > 0 })
	case "model_bn_span", "opt_learning_rate_warmup_steps":
		c.number(l, "at least 1", func(v float64) bool { return v >= 1 })
	case "opt_learning_rate_warmup_factor":
		c.number(l, "at least 0", func(v float64) bool { return v >= 0 })
	case "max_samples":
		c.number(l, "1 or 50", func(v float64) bool { return v == 1 || v == 50 })
	case "opt_learning_rate_decay_boundary_epochs":
		c.decay(l)
	}
}

// add reports an error of a line; with what was expected comes what was found.
func (c *Checker) add(l Line, problem, expected string) { c.addTo(&c.errors, l, problem, expected) }

func (c *Checker) addTo(list *findings, l Line, problem, expected string) {
	f := Finding{Line: l.Number, Key: l.Key, Problem: problem, Expected: expected}
	if expected != "" {
		f.Found = shown(l.Value)
	}
	list.add(f)
}

func (c *Checker) oneOf(l Line, words ...string) bool {
	if slices.ContainsFunc(words, l.Value.is) {
		return true
	}
	c.add(l, "has a value that the rules do not know", "one of "+strings.Join(words, ", "))
	return false
}

// benchmark knows the rules of SSD alone. In the open division those of the others are the same, but
// for maskrcnn.
func (c *Checker) benchmark(l Line) {
	if !c.oneOf(l, "resnet", "ssd", "maskrcnn", "minigo", "dlrm", "bert", "rnnt", "unet3d") || l.Value.is("ssd") {
		return
	}
	list := &c.closed
	if l.Value.is("maskrcnn") {
		list = &c.errors
	}
	c.addTo(list, l, "is a benchmark whose rules are not known here", `"ssd"`)
}

func (c *Checker) number(l Line, expected string, valid func(float64) bool) {
	if v, ok := l.Value.Number(); !ok || !valid(v) {
		c.addTo(&c.closed, l, "is out of range", expected)
	}
}

func (c *Checker) metadata(l Line, key string) {
	if !l.Metadata.has(key) {
		c.add(l, "its metadata lack "+key, "")
	}
}

func (c *Checker) blockStart(l Line) {
	if !c.has("run_start") {
		c.add(l, "comes before run_start", "")
	}
	c.metadata(l, "first_epoch_num")
	count, _ := l.Metadata.Member("epoch_count")
	if n, ok := count.Number(); !ok || !(n > 0) {
		c.add(l, "its metadata need epoch_count above 0", "")
	}
}

// order holds init_start, init_stop, run_start and run_stop in their order and the time between.
func (c *Checker) order(l Line) {
	if need := map[string]string{"init_stop": "init_start", "run_start": "init_stop", "run_stop": "run_start"}[l.Key]; need != "" && !c.has(need) {
		c.add(l, "comes before "+need, "")
	}
	for _, later := range map[string][]string{"init_start": {"init_stop", "run_start"}, "init_stop": {"run_start"}}[l.Key] {
		if c.has(later) {
			c.add(l, "comes after "+later, "")
		}
	}
	switch l.Key {
	case "init_start":
		if l.TimeMS < c.firstInit {
			c.firstInit = l.TimeMS
		}
	case "init_stop":
		if !(l.TimeMS-c.firstInit < 30*60*1e3) {
			c.add(l, fmt.Sprintf("comes %.1f minutes after init_start, must be less than 30", (l.TimeMS-c.firstInit)/60e3), "")
		}
	case "run_stop":
		c.metadata(l, "status")
	}
}

// evaluated notes an accuracy. The official checker breaks off on what is no number.
func (c *Checker) evaluated(l Line) {
	v, ok := l.Value.Number()
	if !ok {
		c.add(l, "is no number", "a fraction")
		return
	}
	if v > c.best {
		c.best = v
	}
	c.below1 = c.below1 || v < 1
	c.reached = c.reached || v >= Target && v < 1
}

// decay tests the second boundary alone, as the official checker does: 50 (1 + k/10).
func (c *Checker) decay(l Line) {
	boundaries, _ := l.Value.Elements()
	if len(boundaries) < 2 {
		c.addTo(&c.closed, l, "must be a list of two epochs", "[40, 50] x (1 + k/10)")
	} else if !followsRule(boundaries[1], 50) {
		c.addTo(&c.closed, l, "second boundary does not follow the rule", "[40, 50] x (1 + k/10)")
	}
}

func followsRule(boundary Raw, base float64) bool {
	v, ok := boundary.Number()
	k := 10 * (v/base - 1)
	return ok && math.Abs(math.Round(k)-k) < 1e-5 // NaN and infinities do not
}

// tensor wants each of the 119 names once.
func (c *Checker) tensor(l Line) {
	name, ok := l.Metadata.Member("tensor")
	text, isText := name.Text()
	_, known := c.tensors[text]
	switch {
	case !ok:
		c.addTo(&c.closed, l, "its metadata lack tensor", "")
	case !isText || !known:
		c.addTo(&c.closed, l, "tensor "+cmp.Or(text, shown(name))+" is unknown", "")
	default:
		if c.tensors[text]++; c.tensors[text] > 1 {
			c.addTo(&c.closed, l, "tensor "+text+" stands again", "")
		}
	}
}
