// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const goldenScript = `#!/bin/sh
#SBATCH --job-name=mlperf-ssd
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --exclusive
#SBATCH --time=101
#SBATCH --signal=B:TERM@120
#SBATCH --open-mode=append
#SBATCH --no-requeue
#SBATCH --chdir=/home/a
#SBATCH --output="/home/a/my logs/slurm-%j.out"
#SBATCH --partition=batch
exec \
  /opt/bin/mlperf-ssd \
  launch \
  --set \
  'data.dir=/it'\''s here'
`

func TestScript(t *testing.T) {
	plan := Plan{Name: "mlperf-ssd", Nodes: 2, RanksPerNode: 4, GPUsPerNode: 4, Limit: 100*time.Minute + time.Second, Dir: "/home/a",
		Output: "/home/a/my logs/slurm-%j.out", Options: []string{"--partition=batch"},
		Command: []string{"/opt/bin/mlperf-ssd", "launch", "--set", "data.dir=/it's here"}}
	for range 2 {
		script, err := plan.Script()
		if err != nil || script != goldenScript {
			t.Fatalf("%v\n%s", err, cmp.Diff(goldenScript, script))
		}
	}
	for limit, want := range map[time.Duration]string{0: "B:TERM@120\n", 3 * time.Minute: "B:TERM@30\n", time.Minute: ""} {
		plan.Limit = limit
		script, err := plan.Script()
		if err != nil || strings.Contains(script, "--signal") != (want != "") || !strings.Contains(script, want) {
			t.Errorf("%v: %v\n%s", limit, err, script)
		}
	}
	plan.GPUsPerNode = 0
	if script, _ := plan.Script(); strings.Contains(script, "gpus") || strings.Contains(script, "GPU") {
		t.Errorf("no GPU is asked for, but:\n%s", script)
	}
	for _, bad := range []string{"a\nb", `a"b`, `a\b`} {
		plan.Output = bad
		if _, err := plan.Script(); err == nil || !strings.Contains(err.Error(), "sbatch cannot take") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Words reach the program as they are.
func TestQuote(t *testing.T) {
	words := []string{"a b", "it's", `"$HOME"`, "`x`", "", "-n", "new\nline", "a=[1,2]", "é", "*"}
	line := "printf '%s\\0'"
	for _, word := range words {
		line += " " + quote(word)
	}
	out, err := exec.Command("sh", "-c", line).Output()
	if err != nil || string(out) != strings.Join(words, "\x00")+"\x00" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestParseLimit(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"100": 100 * time.Minute, "20:30": 20*time.Minute + 30*time.Second, "1:00:00": time.Hour, "2-3": 51 * time.Hour,
		"1-2:03": 26*time.Hour + 3*time.Minute, "1-02:03:04": 26*time.Hour + 3*time.Minute + 4*time.Second,
	} {
		if got, err := ParseLimit(text); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "a", "1:2:3:4", "-1", "1-", "1-1:1:1:1", "5m", "99999999999", "1:-2"} {
		if got, err := ParseLimit(text); err == nil || !strings.Contains(err.Error(), "H:M:S") {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// The submission's own limit of 20 minutes for a measured run of 21 is too short.
func TestCheckLimit(t *testing.T) {
	const one = 20*time.Minute + 55*time.Second
	if got := CheckLimit(20*time.Minute, 1, one); !strings.Contains(got, "of 20 minutes is short for 1 trials of 20m55s, which want 26") {
		t.Error(got)
	}
	for _, fine := range []string{CheckLimit(26*time.Minute, 1, one), CheckLimit(0, 5, one), CheckLimit(time.Minute, 5, 0)} {
		if fine != "" {
			t.Error(fine)
		}
	}
}
