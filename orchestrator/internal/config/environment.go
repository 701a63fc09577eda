// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"path/filepath"
	"slices"
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
		{"DGXSYSTEM", "run.system"},
		{"PGSYSTEM", "run.system"},
		{"DATESTAMP", "run.datestamp"},
		{"CONT", "cluster.container"},
		{"WALLTIME", "cluster.wall_time"},
	} {
		if text, ok := lookup(v.name); ok && text != "" {
			problems = append(problems, c.assignText(v.key, text, "$"+v.name))
		}
	}
	if dir, ok := lookup("PRETRAINED_DIR"); ok && dir != "" {
		problems = append(problems, c.assign("backbone.weights", filepath.Join(dir, "resnet34-333f7ec4.pth"), "$PRETRAINED_DIR"))
	}
	for _, s := range []struct {
		name, key string
		zero, one any
	}{
		{"CLEAR_CACHES", "cluster.clear_caches", "off", "require"},
		{"ALLREDUCE_TEST", "cluster.allreduce_test", false, true},
	} {
		text, _ := lookup(s.name)
		switch text {
		case "":
		case "0":
			problems = append(problems, c.assign(s.key, s.zero, "$"+s.name))
		case "1":
			problems = append(problems, c.assign(s.key, s.one, "$"+s.name))
		default:
			problems = append(problems, fmt.Errorf("$%s is %q, must be 0 or 1", s.name, text))
		}
	}
	if text, ok := lookup("EXTRA_PARAMS"); ok {
		problems = append(problems, c.readOptions(strings.Fields(text))...)
	}
	return slices.DeleteFunc(problems, func(err error) bool { return err == nil })
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
