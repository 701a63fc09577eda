// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mlperf-ssd/proto/ssdpb"
)

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
		{"[optimizer]\ndecay_epochs = [44, 44]\n", ":2: optimizer.decay_epochs is [44 44], must be ascending"},
		{"[optimizer]\ndecay_epochs = [0, 44]\n", ":2: optimizer.decay_epochs is [0 44], must be ascending epochs from 1"},
		{"[eval]\nextra_epochs = [3, 0]\n", ":2: eval.extra_epochs is [3 0], must be epochs from 1"},
		{"[model]\nbn_group = 8\n[cluster]\ngpus_per_node = 4\n", ":2: model.bn_group is 8, must divide cluster.gpus_per_node, which is 4"},
		{"[data]\ntrain_samples = 7\n[cluster]\nnodes = 8\n", ":2: data.train_samples is 7, must be at least one for each of 8 ranks"},
		{"[device]\nkind = \"cpu\"\n[model]\nprecision = \"fp16\"\n", ":4: model.precision is fp16, which needs a GPU"},
		{"[optimizer]\ndecay_epochs = [\"a\"]\n", ":2: optimizer.decay_epochs holds a, must be a list of whole numbers"},
		{"[eval]\ntarget = 0.0\n", ":2: eval.target is 0, must be above 0"},
		{"[eval]\ntarget = 1\n", ":2: eval.target is 1, must be above 0, which any network reaches, and below 1"},
		{"[eval]\ntarget = 23\n", "the round's is 0.23"},
		{"[eval]\ntarget = -0.1\n", ":2: eval.target is -0.1, must"},
		{"[eval]\ntarget = nan\n", ":2: eval.target is NaN, must"},
		{"[optimizer]\nbase_lr = nan\n", ":2: optimizer.base_lr is NaN, must be 0 to 100"},
		{"[data]\nmax_samples = 2\n", ":2: data.max_samples is 2, the rules allow 1 and 50"},
		{"[run]\nseed = 1\nseed = 2\n", ":3: "},
		{"[run]\nseed = -1\n", ":2: run.seed is -1, must be 0 to 9223372036854775807"},
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

func TestSetTakesOneValue(t *testing.T) {
	c, err := Load(Source{Sets: []string{"data.dir=a\n[run]\nepochs = 3"}})
	if err != nil || c.Data.Dir != "a\n[run]\nepochs = 3" {
		t.Errorf("%q (%v)", c.Data.Dir, err)
	}
	_, err = Load(Source{Sets: []string{"run.epochs=1\n[data]\ndir = 'x'"}})
	if err == nil || !strings.Contains(err.Error(), "--set: run.epochs is the string") {
		t.Errorf("got %v", err)
	}
}

func TestLargeFileIsNoConfiguration(t *testing.T) {
	path := write(t, "#"+strings.Repeat("x", maxFile))
	_, err := Load(Source{File: path})
	if err == nil || !strings.Contains(err.Error(), path+": larger than 16384 bytes") {
		t.Errorf("got %v", err)
	}
}

// What would keep the parser busy for seconds, and the memory with it, is refused before.
func TestTextsThatAreNoConfiguration(t *testing.T) {
	for text, want := range map[string]string{
		"# ....................\n[run]\nlog_dir = \"..../a.b.c\"\n": "",
		"\n" + strings.Repeat("a.", 5000) + "a = 1":                 ":2: more than 16 words with dots between",
		"run = {" + strings.Repeat("a . ", 3000) + "a = 1}":         ":1: more than 16 words with dots between",
		"[" + strings.Repeat(`"a".`, 3000) + "a]":                   ":1: more than 16 words with dots between",
		"run = " + strings.Repeat("{a=", 5000):                      ":1: more than 64 tables within each other",
	} {
		_, err := Load(Source{File: write(t, text)})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %.200v, want %q", text, err, want)
		}
	}
	for value, want := range map[string]string{
		strings.Repeat("x", maxFile+1):   "--set run.system: the value is longer than 16384 bytes",
		strings.Repeat("{a=", 1000):      "--set run.system: the value has more than 64 tables within each other",
		"{" + strings.Repeat("a.", 1000): "--set run.system: the value has more than 16 words with dots between",
	} {
		if _, err := Load(Source{Sets: []string{"run.system=" + value}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %.200v, want %q", value, err, want)
		}
	}
}

func TestMissingFile(t *testing.T) {
	if _, err := Load(Source{File: "none.toml"}); err == nil || !strings.Contains(err.Error(), "none.toml") {
		t.Errorf("got %v", err)
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

func TestDecoderOfImages(t *testing.T) {
	c, err := Load(Source{Sets: []string{"data.decoder=nvjpeg"}})
	if err != nil || c.Engine(1).Data.Decoder != ssdpb.DataConfig_NVJPEG {
		t.Errorf("got %v, %v", c, err)
	}
	for set, want := range map[string]string{
		"data.decoder=gpu": `data.decoder is "gpu", must be one of auto, host, nvjpeg`,
		"device.kind=cpu":  "data.decoder is nvjpeg, which needs a GPU",
	} {
		_, err := Load(Source{Sets: []string{"data.decoder=nvjpeg", set}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", set, err, want)
		}
	}
}

// Spec section 7.
func TestCacheOfDecodedImages(t *testing.T) {
	for _, test := range []struct {
		sets []string
		want int64
	}{
		{nil, 0},
		{[]string{"data.sharding=cache"}, 12288},
		{[]string{"data.sharding=cache", "cluster.gpus_per_node=9"}, 11378},
		{[]string{"data.sharding=cache", "cluster.gpus_per_node=8", "cluster.nodes=128"}, 100},
		{[]string{"data.sharding=cache", "data.cache_mb=0"}, 0},
		{[]string{"data.cache_mb=5"}, 5},
	} {
		c, err := Load(Source{Sets: test.sets})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Engine(1).Data.CacheMb; got != test.want {
			t.Errorf("%v: %d MB, want %d", test.sets, got, test.want)
		}
	}
}

// Where the plans of a GPU are kept.
func TestPlanFolder(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/caches")
	for set, want := range map[string]string{"device.threads=1": "/caches/mlperf-ssd", `device.plan_cache=""`: "", `device.plan_cache="/scratch"`: "/scratch"} {
		c, err := Load(Source{Sets: []string{set}})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Engine(1).Device.PlanCache; got != want {
			t.Errorf("%s: %q, want %q", set, got, want)
		}
	}
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	if got := PlanFolder(UserPlans); got != "" {
		t.Errorf("without a home: %q, want none", got)
	}
}

func TestFusions(t *testing.T) {
	for _, want := range []bool{true, false} {
		c, err := Load(Source{Sets: []string{fmt.Sprintf("device.fusions=%t", want)}})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Engine(1).Device.Fusions; got != want || !Defaults().Device.Fusions {
			t.Errorf("%t, want %t", got, want)
		}
	}
}

// The shell variables of run.sub (spec section 16).
func TestSlurmVariables(t *testing.T) {
	c, err := Load(Source{LookupEnv: env(map[string]string{"PGSYSTEM": "PG", "WALLTIME": "100", "CONT": "nvcr.io/a/b:1", "CLEAR_CACHES": "1",
		"ALLREDUCE_TEST": "1", "DATESTAMP": "260101120000123456789", "NEXP": "5", "PGNNODES": "2", "PGNGPU": "4"})})
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults().Cluster
	want.Nodes, want.GPUsPerNode, want.Container, want.ClearCaches, want.AllreduceTest, want.WallTime = 2, 4, "nvcr.io/a/b:1", "require", true, "100"
	if c.Cluster != want || c.Run.System != "PG" || c.Run.Datestamp != "260101120000123456789" || c.Run.Trials != 5 {
		t.Errorf("%+v, %+v", c.Cluster, c.Run)
	}
	if c.Origin("cluster.clear_caches") != "$CLEAR_CACHES" || c.Origin("cluster.wall_time") != "$WALLTIME" {
		t.Error(c.Origin("cluster.clear_caches"), c.Origin("cluster.wall_time"))
	}
	if c, err = Load(Source{LookupEnv: env(map[string]string{"CLEAR_CACHES": "0", "ALLREDUCE_TEST": "0"})}); err != nil || c.Cluster.ClearCaches != "off" || c.Cluster.AllreduceTest {
		t.Errorf("%+v, %v", c, err)
	}
	for variable, want := range map[string]string{
		"CLEAR_CACHES": `$CLEAR_CACHES is "a b", must be 0 or 1`, "PGSYSTEM": `$PGSYSTEM: run.system is "a b"`, "DATESTAMP": `run.datestamp is "a b"`,
	} {
		if _, err := Load(Source{LookupEnv: env(map[string]string{variable: "a b"})}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", variable, err, want)
		}
	}
}
