// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// option is one of the submission's program, and the key it became. Without a key, what it tunes does
// not exist here: it is passed over, unless instead says what to do.
type option struct {
	name, key string
	flag      bool // takes no value
	list      bool // takes several
	instead   string
}

func options() []option {
	return []option{
		{name: "batch-size", key: "model.batch_size"},
		{name: "eval-batch-size", key: "model.eval_batch_size"},
		{name: "epochs", key: "run.epochs"},
		{name: "lr", key: "optimizer.base_lr"},
		{name: "lr-decay-factor", key: "optimizer.decay_factor"},
		{name: "lr-decay-epochs", key: "optimizer.decay_epochs", list: true},
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
		{name: "val-epochs", key: "eval.extra_epochs", list: true},
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
		{name: "post-nms", instead: "all that NMS leaves of eval.candidates is kept"},
		{name: "resume-from", instead: "use launch --resume"},
		{name: "start-epoch", instead: "use launch --resume"},
		{name: "test-initialization", flag: true, instead: "use step"},
		{name: "test-anchors", flag: true, instead: "use step"},
		{name: "data-layout"}, {name: "hw-decoder-load"}, {name: "profile-start"}, {name: "profile-stop"},
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
	case o.flag && len(values) > 0:
		return fmt.Errorf("%s: takes no value", origin)
	case !o.flag && len(values) == 0:
		return fmt.Errorf("%s: needs a value", origin)
	case !o.list && len(values) > 1:
		return fmt.Errorf("%s: takes one value, not %s", origin, strings.Join(values, " "))
	case o.instead != "" && !isDefault(o.name, values):
		return fmt.Errorf("%s: has no counterpart: %s", origin, o.instead)
	case o.key == "":
		return nil
	case o.flag:
		return c.assign(o.key, true, origin)
	case o.list:
		return c.assignList(o.key, values, origin)
	}
	value := values[0]
	switch o.name {
	case "input-jpg-decode": // only the cached decoder keeps its shard
		sharding, known := map[string]string{"cache": "cache", "cpu": "reshuffle", "gpu": "reshuffle", "hw": "reshuffle"}[value]
		if !known {
			return fmt.Errorf("%s: is %q, must be one of cpu, gpu, cache, hw", origin, value)
		}
		return c.assign(o.key, sharding, origin)
	case "precision":
		if word, known := map[string]string{"fp32": "f32", "amp": "fp16"}[value]; known {
			return c.assign(o.key, word, origin)
		}
	case "target-map": // in percent
		percent, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return errors.New(origin + ": is no number")
		}
		return c.assign(o.key, percent/100, origin)
	}
	return c.assignText(o.key, value, origin)
}

// isDefault says whether values only repeat what the submission's program does anyway.
func isDefault(name string, values []string) bool {
	usual, has := map[string]string{"post-nms": "200", "start-epoch": "1"}[name]
	return has && len(values) == 1 && values[0] == usual
}

func (c *Config) assignList(key string, values []string, origin string) error {
	list := []any{}
	for _, v := range values {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return fmt.Errorf("%s: %q is no whole number", origin, v)
		}
		list = append(list, n)
	}
	return c.assign(key, list, origin)
}
