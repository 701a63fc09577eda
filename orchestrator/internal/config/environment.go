// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// readEnvironment takes the shell variables of the v1.1 submissions (spec section 16) where they are
// set. EXTRA_PARAMS comes last and wins: their scripts put it at the end of the command line.
func (c *Config) readEnvironment(lookup func(string) (string, bool)) []error {
	var problems []error
	for _, v := range []struct{ name, key string }{
		{"BATCHSIZE", "model.batch_size"},
		{"EVALBATCHSIZE", "model.eval_batch_size"},
		{"NUMEPOCHS", "run.epochs"},
		{"NEXP", "run.trials"},
		{"DATADIR", "data.dir"},
		{"LOGDIR", "run.log_dir"},
		{"DGXNNODES", "cluster.nodes"},
		{"DGXNGPU", "cluster.gpus_per_node"},
		{"PGNNODES", "cluster.nodes"},
		{"PGNGPU", "cluster.gpus_per_node"},
	} {
		if text, ok := lookup(v.name); ok && text != "" {
			problems = append(problems, c.assignText(v.key, text, "$"+v.name))
		}
	}
	if dir, ok := lookup("PRETRAINED_DIR"); ok && dir != "" {
		problems = append(problems, c.assign("backbone.weights", filepath.Join(dir, "resnet34-333f7ec4.pth"), "$PRETRAINED_DIR"))
	}
	if text, ok := lookup("EXTRA_PARAMS"); ok {
		problems = append(problems, c.readOptions(strings.Fields(text))...)
	}
	return withoutNil(problems)
}

func withoutNil(problems []error) []error {
	var out []error
	for _, err := range problems {
		if err != nil {
			out = append(out, err)
		}
	}
	return out
}

// assignText sets a key from a word of the shell: a number where it reads as one and the key takes it.
func (c *Config) assignText(key, text, origin string) error {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && c.assign(key, n, origin) == nil {
		return nil
	}
	if x, err := strconv.ParseFloat(text, 64); err == nil && c.assign(key, x, origin) == nil {
		return nil
	}
	return c.assign(key, text, origin)
}

// option is one of the submission's program, and the key it became. Without a key it has no meaning
// here, as what it tunes does not exist, and is passed over.
type option struct {
	name, key string
	flag      bool // takes no value
}

func options() []option {
	return []option{
		{name: "batch-size", key: "model.batch_size"},
		{name: "eval-batch-size", key: "model.eval_batch_size"},
		{name: "epochs", key: "run.epochs"},
		{name: "lr", key: "optimizer.base_lr"},
		{name: "lr-decay-factor", key: "optimizer.decay_factor"},
		{name: "lr-decay-epochs", key: "optimizer.decay_epochs"},
		{name: "lr-warmup-epochs", key: "optimizer.warmup_epochs"},
		{name: "lr-warmup-factor", key: "optimizer.warmup_factor"},
		{name: "momentum", key: "optimizer.momentum"},
		{name: "weight-decay", key: "optimizer.weight_decay"},
		{name: "bn-group", key: "model.bn_group"},
		{name: "precision", key: "model.precision"},
		{name: "fp16-loss-scale", key: "model.loss_scale"},
		{name: "input-batch-multiplier", key: "data.input_batch_multiplier"},
		{name: "dali-workers", key: "data.threads"},
		{name: "input-jpg-decode", key: "data.sharding"},
		{name: "val-interval", key: "eval.interval"},
		{name: "val-epochs", key: "eval.extra_epochs"},
		{name: "target-map", key: "eval.target"},
		{name: "nms-valid-thresh", key: "eval.score_threshold"},
		{name: "nms-overlap-thresh", key: "eval.nms_threshold"},
		{name: "nms-topk", key: "eval.candidates"},
		{name: "cocoapi-threads", key: "eval.threads"},
		{name: "log-interval", key: "run.log_interval"},
		{name: "seed", key: "run.seed"},
		{name: "dataset-size", key: "data.train_samples"},
		{name: "eval-dataset-size", key: "data.eval_samples"},
		{name: "coco-root", key: "data.dir"},
		{name: "pretrained-backbone", key: "backbone.weights"},
		{name: "save-interval", key: "run.checkpoint_every"},
		{name: "results", key: "run.log_dir"},
		{name: "synthetic", key: "data.synthetic", flag: true},
		{name: "data-layout"}, {name: "hw-decoder-load"}, {name: "post-nms"},
		{name: "async-val", flag: true},
	}
}

// readOptions reads --name value, --name=value and lists (--name 44 55); names may be abbreviated.
func (c *Config) readOptions(words []string) []error {
	var problems []error
	for i := 0; i < len(words); {
		name, value, joined := strings.Cut(words[i], "=")
		i++
		o, err := findOption(name)
		if err != nil {
			problems = append(problems, err)
			for i < len(words) && !strings.HasPrefix(words[i], "--") {
				i++
			}
			continue
		}
		var values []string
		if joined {
			values = []string{value}
		}
		for !joined && !o.flag && i < len(words) && !strings.HasPrefix(words[i], "--") {
			values = append(values, words[i])
			i++
		}
		if err := c.assignOption(o, values); err != nil {
			problems = append(problems, err)
		}
	}
	return problems
}

func findOption(word string) (option, error) {
	name, dashed := strings.CutPrefix(word, "--")
	var matches []option
	for _, o := range options() {
		if dashed && o.name == name {
			return o, nil
		}
		if dashed && strings.HasPrefix(o.name, name) {
			matches = append(matches, o)
		}
	}
	switch len(matches) {
	case 1:
		return matches[0], nil
	case 0:
		return option{}, fmt.Errorf("$EXTRA_PARAMS: %s is no option", word)
	default:
		return option{}, fmt.Errorf("$EXTRA_PARAMS: %s may be --%s or --%s: write more of it", word, matches[0].name, matches[1].name)
	}
}

func (c *Config) assignOption(o option, values []string) error {
	origin := "$EXTRA_PARAMS --" + o.name
	switch {
	case o.key == "":
		return nil
	case o.flag:
		return c.assign(o.key, true, origin)
	case len(values) == 0:
		return fmt.Errorf("%s: needs a value", origin)
	}
	switch o.name {
	case "lr-decay-epochs", "val-epochs":
		list := []any{}
		for _, v := range values {
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				return fmt.Errorf("%s: %q is no whole number", origin, v)
			}
			list = append(list, n)
		}
		return c.assign(o.key, list, origin)
	case "input-jpg-decode": // only the cached decoder keeps its shard
		sharding := "reshuffle"
		if values[0] == "cache" {
			sharding = "cache"
		}
		return c.assign(o.key, sharding, origin)
	case "precision":
		words := map[string]string{"fp32": "f32", "amp": "fp16", "fp16": "fp16"}
		if word, known := words[values[0]]; known {
			return c.assign(o.key, word, origin)
		}
	case "target-map": // in percent
		percent, err := strconv.ParseFloat(values[0], 64)
		if err != nil {
			return errors.New(origin + ": is no number")
		}
		return c.assign(o.key, percent/100, origin)
	}
	return c.assignText(o.key, values[0], origin)
}
