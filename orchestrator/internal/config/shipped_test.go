// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mlperf-ssd/orchestrator/internal/roundtest"
)

const configs = "../../../configs"

// A log of any shipped file holds numbers that the rules of the closed division accept (section 12).
func TestShippedFilesComply(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(configs, "*.toml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		c, err := Load(Source{File: file})
		if err != nil {
			t.Error(err)
			continue
		}
		if w := c.Engine(1).Optimizer.WarmupSteps; w < 1 {
			t.Errorf("%s: %d warm-up steps, the rules want at least 1", file, w)
		}
		d := c.Optimizer.DecayEpochs
		if len(d) != 2 || d[0]*5 != d[1]*4 || d[1]%5 != 0 {
			t.Errorf("%s: decay after %v, the rules want [40, 50] x (1 + k/10)", file, d)
		}
	}
}

// Shipped files are complete: they name every key.
func TestShippedFilesAreComplete(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(configs, "*.toml"))
	if err != nil || len(files) < 30 {
		t.Fatalf("%d files, want those of the 26 systems of the round and four more (%v)", len(files), err)
	}
	for _, file := range files {
		c, err := Load(Source{File: file})
		if err != nil {
			t.Error(err)
			continue
		}
		for _, f := range c.Fields() {
			if f.Origin == "default" {
				t.Errorf("%s: %s is missing", file, f.Key)
			}
		}
	}
}

// Every result of the round has a file with its values.
func TestSystemFilesEqualTheResults(t *testing.T) {
	for _, system := range roundtest.Systems(t) {
		name := strings.Trim(regexp.MustCompile("[^a-z0-9]+").ReplaceAllString(strings.ToLower(system.Name()), "_"), "_")
		c, err := Load(Source{File: filepath.Join(configs, name+".toml")})
		if err != nil {
			t.Error(err)
			continue
		}
		got := map[string]any{
			"nodes": c.Cluster.Nodes, "gpus_per_node": c.Cluster.GPUsPerNode, "batch_per_gpu": c.Model.BatchSize,
			"eval_batch": c.Model.EvalBatchSize, "epochs": c.Run.Epochs, "base_lr": c.Optimizer.BaseLR,
			"warmup_epochs": c.Optimizer.WarmupEpochs, "weight_decay": c.Optimizer.WeightDecay,
			"bn_group": c.Model.BNGroup, "input_batch_multiplier": c.Data.InputBatchMultiplier,
			"global_batch": c.Ranks() * c.Model.BatchSize, "warmup_steps": c.Epochs().WarmupSteps(c.Optimizer.WarmupEpochs),
		}
		for column, value := range got {
			have, err := strconv.ParseFloat(fmt.Sprint(value), 64)
			if want := system.Number(column); err != nil || have != want {
				t.Errorf("%s: %s is %v, want %v", name, column, value, want)
			}
		}
		var decay []int64
		for _, epoch := range system.Numbers("decay_epochs") {
			decay = append(decay, int64(epoch))
		}
		if !slices.Equal(c.Optimizer.DecayEpochs, decay) {
			t.Errorf("%s: decay %v, want %v", name, c.Optimizer.DecayEpochs, decay)
		}
		if (system.Text("jpeg_decode") == "cache") != (c.Data.Sharding == "cache") {
			t.Errorf("%s: sharding %s with jpeg_decode %s", name, c.Data.Sharding, system.Text("jpeg_decode"))
		}
	}
}
