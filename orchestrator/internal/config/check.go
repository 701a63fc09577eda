// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxRanksPerNode bounds cluster.gpus_per_node.
const MaxRanksPerNode = 64

// limits holds the range of each number.
func limits() map[string][2]float64 {
	const many = math.MaxInt32
	return map[string][2]float64{
		"run.seed":                    {0, math.MaxInt64},
		"run.epochs":                  {1, 10000}, // of which run.json and every report of progress have numbers
		"run.trials":                  {1, 100},
		"run.checkpoint_every":        {0, many},
		"run.checkpoint_every_steps":  {0, many},
		"run.log_interval":            {1, many},
		"device.threads":              {0, 4096},
		"model.batch_size":            {1, 65536},
		"model.eval_batch_size":       {0, 65536},
		"model.bn_group":              {1, 16},
		"model.loss_scale":            {1, 65536},
		"data.train_samples":          {1, many},
		"data.eval_samples":           {1, many},
		"data.threads":                {0, 4096},
		"data.prefetch":               {1, 1024},
		"data.cache_mb":               {-1, 1 << 30},
		"data.input_batch_multiplier": {1, 1024},
		"optimizer.base_lr":           {0, 100},
		"optimizer.warmup_epochs":     {0, many},
		"optimizer.warmup_factor":     {0, 64},
		"optimizer.decay_factor":      {0, 1},
		"optimizer.momentum":          {0, 0.9999},
		"optimizer.weight_decay":      {0, 1},
		"eval.interval":               {1, many},
		"eval.score_threshold":        {0, 1},
		"eval.nms_threshold":          {0, 1},
		"eval.candidates":             {1, 8732},
		"eval.threads":                {0, 4096},
		"cluster.nodes":               {1, 1 << 20},
		"cluster.gpus_per_node":       {1, MaxRanksPerNode},
		"cluster.hang_seconds":        {0, 1 << 20},
		"cluster.prepare_seconds":     {0, 1 << 20},
		"cluster.evaluate_seconds":    {0, 1 << 20},
		"cluster.comm_seconds":        {1, 86400},
		"cluster.trial_minutes":       {0, 1 << 20},
	}
}

// choices holds the words that a key may be.
func choices() map[string][]string {
	return map[string][]string{
		"submission.division":    {"closed", "open"},
		"submission.status":      {"onprem", "cloud", "preview", "research"},
		"device.kind":            {"auto", "cpu", "cuda"},
		"model.precision":        {"f32", "bf16", "fp16"},
		"data.bad_image":         {"fail", "skip"},
		"data.sharding":          {"reshuffle", "cache"},
		"data.decoder":           {"auto", "host", "nvjpeg"},
		"cluster.clear_caches":   {"require", "try", "off"},
		"cluster.allreduce_slow": {"warn", "fail"},
	}
}

// check finds all values that are out of range or do not go together.
func (c *Config) check() []error {
	var problems []error
	complain := func(key, format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s: %s %s", c.Origin(key), key, fmt.Sprintf(format, args...)))
	}
	ranges, words := limits(), choices()
	for _, field := range c.Fields() {
		var number float64
		switch v := field.Value.(type) {
		case int64:
			number = float64(v)
		case float64:
			number = v
		case string:
			if !utf8.ValidString(v) {
				complain(field.Key, "is %q, must be UTF-8: rename it, or name a link to it", v)
			}
			if allowed, limited := words[field.Key]; limited && !slices.Contains(allowed, v) {
				complain(field.Key, "is %q, must be one of %s", v, strings.Join(allowed, ", "))
			}
			continue
		default:
			continue
		}
		if r, limited := ranges[field.Key]; limited && !(number >= r[0] && number <= r[1]) {
			complain(field.Key, "is %v, must be %s to %s", field.Value, digits(r[0]), digits(r[1]))
		}
	}
	c.checkTogether(complain)
	return problems
}

// digits is a bound without an exponent.
func digits(bound float64) string {
	if bound == math.MaxInt64 { // which a float64 is above
		return strconv.Itoa(math.MaxInt64)
	}
	return strconv.FormatFloat(bound, 'f', -1, 64)
}

func (c *Config) checkTogether(complain func(key, format string, args ...any)) {
	if g := c.Model.BNGroup; g&(g-1) != 0 {
		complain("model.bn_group", "is %d, must be 1, 2, 4, 8 or 16", g)
	}
	if g, ranks := c.Model.BNGroup, c.Cluster.GPUsPerNode; g > 0 && ranks > 0 && ranks%g != 0 {
		complain("model.bn_group", "is %d, must divide cluster.gpus_per_node, which is %d: a BatchNorm spans ranks of one node", g, ranks)
	}
	if n := c.Data.TrainSamples; n > 0 && n < c.Ranks() {
		complain("data.train_samples", "is %d, must be at least one for each of %d ranks", n, c.Ranks())
	}
	if t := c.Eval.Target; !(t > 0 && t < 1) {
		complain("eval.target", "is %v, must be above 0, which any network reaches, and below 1, which none does: the round's is 0.23", t)
	}
	if s, trials := c.Run.Seed, c.Run.Trials; s > math.MaxInt64-max(trials-1, 0) {
		complain("run.seed", "is %d, which leaves no seeds for %d trials: each has the next", s, trials)
	}
	if m := c.Data.MaxSamples; m != 1 && m != 50 {
		complain("data.max_samples", "is %d, the rules allow 1 and 50", m)
	}
	if c.Model.Precision == "fp16" && c.Device.Kind == "cpu" {
		complain("model.precision", "is fp16, which needs a GPU: use bf16 or f32, or device.kind cuda")
	}
	if c.Data.Decoder == "nvjpeg" && c.Device.Kind == "cpu" {
		complain("data.decoder", "is nvjpeg, which needs a GPU: use auto or host, or device.kind cuda")
	}
	for key, word := range map[string]string{"run.system": c.Run.System, "run.datestamp": c.Run.Datestamp} {
		if strings.Trim(word, fileNameCharacters) != "" {
			complain(key, "is %q, must be letters, digits, '.', '_' and '-': it becomes part of a name", word)
		}
	}
	if name := c.Cluster.Interface; strings.ContainsAny(name, " \t\n/,") {
		complain("cluster.interface", "is %q, must be one interface, as eth0, or one address of the host", name)
	}
	if d := c.Optimizer.DecayEpochs; !ascends(d) {
		complain("optimizer.decay_epochs", "is %v, must be ascending epochs from 1", d)
	}
	if e := c.Eval.ExtraEpochs; len(e) > 0 && slices.Min(e) < 1 {
		complain("eval.extra_epochs", "is %v, must be epochs from 1", e)
	}
	for _, key := range []string{"submission.org", "submission.platform", "run.log_dir"} {
		if slices.ContainsFunc(c.Fields(), func(f Field) bool { return f.Key == key && f.Value == "" }) {
			complain(key, "must not be empty")
		}
	}
}

const fileNameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

// ascends says whether epochs begin at 1 or later and each is later than the one before.
func ascends(epochs []int64) bool {
	last := int64(0)
	for _, epoch := range epochs {
		if epoch <= last {
			return false
		}
		last = epoch
	}
	return true
}
