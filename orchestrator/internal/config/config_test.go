// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const configs = "../../../configs"

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func env(variables map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := variables[name]
		return v, ok
	}
}

func TestPrecedenceAndOrigins(t *testing.T) {
	path := write(t, "[model]\nbatch_size = 8\n\n[run]\nepochs = 3\nlog_dir = \"a\"\n")
	c, err := Load(Source{
		File:      path,
		LookupEnv: env(map[string]string{"BATCHSIZE": "16", "NUMEPOCHS": "4"}),
		Sets:      []string{"run.epochs=5", "data.dir=/x/y", "optimizer.decay_epochs=[3, 7]", "optimizer.base_lr=1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	type row struct{ value, origin string }
	got := map[string]row{}
	for _, f := range c.Fields() {
		got[f.Key] = row{fmt.Sprint(f.Value), f.Origin}
	}
	for key, want := range map[string]row{
		"run.log_dir":            {"a", path + ":6"},
		"run.epochs":             {"5", "--set"},
		"model.batch_size":       {"16", "$BATCHSIZE"},
		"data.dir":               {"/x/y", "--set"},
		"optimizer.decay_epochs": {"[3 7]", "--set"},
		"optimizer.base_lr":      {"1", "--set"},
		"optimizer.momentum":     {"0.9", "default"},
	} {
		if got[key] != want {
			t.Errorf("%s: %v, want %v", key, got[key], want)
		}
	}
}

func TestErrorsNameFileLineAndKey(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"[model]\nbatchsize = 8\n", ":2: model.batchsize is no key: did you mean model.batch_size?"},
		{"[modl]\nbatch_size = 8\n", ":2: modl.batch_size is no key: did you mean model.batch_size?"},
		{"[run]\nbatch_size = 8\n", ":2: run.batch_size is no key: did you mean model.batch_size?"},
		{"[model]\n\nbatch_size = \"8\"\n", `:3: model.batch_size is the string "8", must be a whole number`},
		{"[model]\nbatch_size = 8.5\n", ":2: model.batch_size is 8.5, must be a whole number"},
		{"[model]\nbatch_size = 0\n", ":2: model.batch_size is 0, must be 1 to 65536"},
		{"[model]\nbn_group = 3\n", ":2: model.bn_group is 3, must be 1, 2, 4, 8 or 16"},
		{"[model]\nprecision = \"fp32\"\n", `:2: model.precision is "fp32", must be one of f32, bf16, fp16`},
		{"[optimizer]\ndecay_epochs = [55, 44]\n", ":2: optimizer.decay_epochs is [55 44], must be ascending"},
		{"[optimizer]\ndecay_epochs = [\"a\"]\n", ":2: optimizer.decay_epochs holds a, must be a list of whole numbers"},
		{"[optimizer]\nbase_lr = nan\n", ":2: optimizer.base_lr is NaN, must be 0 to 100"},
		{"[data]\nmax_samples = 2\n", ":2: data.max_samples is 2, the rules allow 1 and 50"},
		{"[run]\nseed = 1\nseed = 2\n", ":3: "},
		{"[run\n", ":2: expected"},
		{"seed = 1\n", ":1: seed stands outside any section"},
		{"[run]\nlog_dir = \"\"\n", ":2: run.log_dir must not be empty"},
	} {
		path := write(t, test.text)
		_, err := Load(Source{File: path})
		if err == nil || !strings.HasPrefix(err.Error(), path) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want %s", test.text, err, test.want)
		}
	}
}

func TestAllErrorsAreShown(t *testing.T) {
	_, err := Load(Source{File: write(t, "[run]\nepoch = 1\n[data]\ndirr = \"\"\n"), Sets: []string{"x"}})
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("got %v", err)
	}
}

func TestMissingFile(t *testing.T) {
	if _, err := Load(Source{File: "none.toml"}); err == nil || !strings.Contains(err.Error(), "none.toml") {
		t.Errorf("got %v", err)
	}
}

// The submission's own settings (spec section 16) give its configuration file's values.
func TestShellVariablesOfTheSubmission(t *testing.T) {
	c, err := Load(Source{LookupEnv: env(map[string]string{
		"BATCHSIZE": "114", "NUMEPOCHS": "65", "DATADIR": "/data", "LOGDIR": "/logs", "PRETRAINED_DIR": "/weights",
		"NEXP": "5", "PGNNODES": "1", "PGNGPU": "4",
		"EXTRA_PARAMS": "--lr-warmup-epoch=3 --lr=0.003157 --weight-decay=1.3e-4 --dali-workers=4 --input-jpg-decode=cache --lr-decay-epochs 44 55 --synthetic",
	})})
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.Model.BatchSize, want.Run.Epochs, want.Run.Trials = 114, 65, 5
	want.Data.Dir, want.Run.LogDir, want.Backbone.Weights = "/data", "/logs", "/weights/resnet34-333f7ec4.pth"
	want.Cluster.GPUsPerNode = 4
	want.Optimizer.WarmupEpochs, want.Optimizer.BaseLR, want.Optimizer.WeightDecay = 3, 0.003157, 1.3e-4
	want.Data.Threads, want.Data.Sharding, want.Data.Synthetic = 4, "cache", true
	want.origins, c.origins = nil, nil
	if diff := cmp.Diff(want, c, cmp.AllowUnexported(Config{})); diff != "" {
		t.Error(diff)
	}
	c, err = Load(Source{LookupEnv: env(map[string]string{"BATCHSIZE": "114", "EXTRA_PARAMS": "--batch 24 --target-map=21.2"})})
	if err != nil || c.Model.BatchSize != 24 || c.Origin("model.batch_size") != "$EXTRA_PARAMS --batch-size" || c.Eval.Target != 0.212 {
		t.Errorf("got %+v, %v", c, err)
	}
	for _, bad := range []string{"--lr-w=3", "--nonsense=1", "--lr", "--weight-decay=x"} {
		if _, err := Load(Source{LookupEnv: env(map[string]string{"EXTRA_PARAMS": bad})}); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func TestEngineGetsResolvedValues(t *testing.T) {
	c, err := Load(Source{File: filepath.Join(configs, "fujitsu_primergy_gx2460_m1.toml")})
	if err != nil {
		t.Fatal(err)
	}
	e := c.Engine(7)
	if e.Seed != 7 || e.Optimizer.WarmupSteps != 771 || math.Abs(e.Optimizer.BaseLr-0.04498725) > 1e-12 ||
		e.Optimizer.StepsPerEpoch != 258 || e.Model.EvalBatchSize != 114 {
		t.Errorf("got %v", e)
	}
}

// Shipped files are complete: they name every key.
func TestShippedFilesAreComplete(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(configs, "*.toml"))
	if err != nil || len(files) != 30 {
		t.Fatalf("%d files, want 30 (%v)", len(files), err)
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
	table, err := os.Open("../../../../shared/spec/systems.tsv")
	if err != nil {
		t.Skip("the table of results is not here: ", err)
	}
	defer table.Close()
	reader := csv.NewReader(table)
	reader.Comma = '\t'
	rows, err := reader.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, cells := range rows[1:] {
		row := map[string]string{}
		for i, name := range rows[0] {
			row[name] = cells[i]
		}
		name := strings.Trim(regexp.MustCompile("[^a-z0-9]+").ReplaceAllString(strings.ToLower(row["system"]), "_"), "_")
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
			want, err := strconv.ParseFloat(row[column], 64)
			have, _ := strconv.ParseFloat(fmt.Sprint(value), 64)
			if err != nil || have != want {
				t.Errorf("%s: %s is %v, want %s", name, column, value, row[column])
			}
		}
		var decay []int64
		for _, word := range strings.Split(row["decay_epochs"], ",") {
			n, _ := strconv.ParseInt(word, 10, 64)
			decay = append(decay, n)
		}
		if !slices.Equal(c.Optimizer.DecayEpochs, decay) {
			t.Errorf("%s: decay %v, want %v", name, c.Optimizer.DecayEpochs, decay)
		}
		if (row["jpeg_decode"] == "cache") != (c.Data.Sharding == "cache") {
			t.Errorf("%s: sharding %s with jpeg_decode %s", name, c.Data.Sharding, row["jpeg_decode"])
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("[run]\nseed = 1\n", "model.batch_size=3")
	f.Add("[run\n", "=")
	f.Add("a = {b = 1}", "a.b.c=[1,")
	f.Fuzz(func(t *testing.T, text, set string) {
		c, err := Load(Source{File: write(t, text), Sets: []string{set}})
		if (c == nil) == (err == nil) {
			t.Errorf("config %v with error %v", c, err)
		}
	})
}
