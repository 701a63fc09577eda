// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The shell file in the submissions' shape says what the shipped file of that system says.
func TestSubmissionShellFile(t *testing.T) {
	out, err := exec.Command("env", "-i", "sh", "-ec", ". ../../../slurm/config_PG.sh; env").Output()
	if err != nil {
		t.Fatal(err)
	}
	variables := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		variables[name] = value
	}
	shell, err := Load(Source{LookupEnv: env(variables)})
	if err != nil {
		t.Fatal(err)
	}
	file, err := Load(Source{File: filepath.Join(configs, "fujitsu_primergy_gx2460_m1.toml")})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(file.Optimizer, shell.Optimizer); diff != "" {
		t.Error(diff)
	}
	for name, pair := range map[string][2]any{
		"batch":    {file.Model.BatchSize, shell.Model.BatchSize},
		"epochs":   {file.Run.Epochs, shell.Run.Epochs},
		"ranks":    {file.Ranks(), shell.Ranks()},
		"sharding": {file.Data.Sharding, shell.Data.Sharding},
		"threads":  {file.Data.Threads, shell.Data.Threads},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v in the file, %v in the shell", name, pair[0], pair[1])
		}
	}
}
