// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mlperf-ssd/orchestrator/internal/config"
)

// configuration loads the defaults with some values set, as the flag --set does.
func configuration(t *testing.T, sets ...string) *config.Config {
	t.Helper()
	c, err := config.Load(config.Source{Sets: sets, LookupEnv: func(name string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPlanText(t *testing.T) {
	values := []string{"run.log_dir=logs", "data.dir=coco", "data.train_samples=100", "data.eval_samples=10", "model.batch_size=8",
		"model.precision=f32", "run.epochs=9", "eval.interval=3", "optimizer.decay_epochs=[5, 7]"}
	for _, test := range []struct {
		sets []string
		want []string
	}{
		{nil, []string{"log          logs/result_0.txt\n", "batch        8 on 1 rank, f32\n", "at most 9 of 13 or 12 iterations, evaluated every 3\n",
			"data         coco, 100 training and 10 validation images\n", "after epochs [5 7]\n"}},
		{[]string{"run.trials=5", "cluster.gpus_per_node=2", "data.train_samples=64"}, []string{
			"logs         logs/result_0.txt to result_4.txt, one a trial\n", "batch        8 on each of 2 ranks, f32\n", "at most 9 of 4 iterations, "}},
	} {
		var out strings.Builder
		o := Options{Config: configuration(t, append(slices.Clone(values), test.sets...)...), Stdout: &out}
		if err := o.printPlan(planOf(o.Config, "e.so")); err != nil {
			t.Fatal(err)
		}
		for _, want := range test.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("no %q in\n%s", want, out.String())
			}
		}
	}
}

func TestSetsAreWhatTheFileDoesNotSay(t *testing.T) {
	env := map[string]string{"BATCHSIZE": "4"}
	lookup := func(name string) (string, bool) { value, ok := env[name]; return value, ok }
	c, err := config.Load(config.Source{LookupEnv: lookup, Sets: []string{"run.log_dir=my logs"}})
	if err != nil {
		t.Fatal(err)
	}
	got := sets(c, "data.dir")
	slices.Sort(got)
	if want := []string{`--set=data.dir=""`, "--set=model.batch_size=4", `--set=run.log_dir="my logs"`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTimeLimit(t *testing.T) {
	for _, test := range []struct {
		sets     []string
		want     time.Duration
		warnings int
		err      string
	}{
		{[]string{"cluster.wall_time=90"}, 90 * time.Minute, 0, ""},
		{[]string{"cluster.wall_time=20", "cluster.trial_minutes=21"}, 20 * time.Minute, 1, ""},
		{[]string{"cluster.trial_minutes=0"}, 0, 1, ""},
		{[]string{"cluster.wall_time=soon"}, 0, 0, "--set: cluster.wall_time"},
	} {
		got, warnings, err := timeLimit(configuration(t, test.sets...))
		if err != nil && (test.err == "" || !strings.Contains(err.Error(), test.err)) || err == nil && test.err != "" {
			t.Errorf("%q: %v, want %q", test.sets, err, test.err)
		}
		if got != test.want || len(warnings) != test.warnings {
			t.Errorf("%q: %v with %q, want %v with %d warnings", test.sets, got, warnings, test.want, test.warnings)
		}
	}
}
