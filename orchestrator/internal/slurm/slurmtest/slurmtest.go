// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package slurmtest starts a real Slurm of four nodes on this machine for tests.
package slurmtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Start starts a cluster for the test and puts its commands on PATH. It skips the test, saying why,
// where the scripts, Debian's packages or root are missing. root is the path to the repository.
func Start(t *testing.T, root string) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a Slurm cluster: not in short mode")
	}
	scripts := filepath.Join(root, "..", "shared", "slurm-cluster")
	if shared := os.Getenv("SSD_SHARED_DIR"); shared != "" {
		scripts = filepath.Join(shared, "slurm-cluster")
	}
	up := filepath.Join(scripts, "up.sh")
	if _, err := os.Stat(up); err != nil {
		t.Skip("the scripts of a test cluster are not here: ", err)
	}
	if os.Getuid() != 0 {
		t.Skip("a test cluster needs root")
	}
	for _, program := range []string{"/usr/sbin/slurmctld", "/usr/sbin/slurmd", "/usr/bin/srun", "/usr/sbin/munged"} {
		if _, err := os.Stat(program); err != nil {
			t.Skip("a Debian package of slurmctld slurmd slurm-client munge is missing: ", err)
		}
	}
	dir, err := os.MkdirTemp("", "ssd-slurm-") // short: sockets lie in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	state := filepath.Join(dir, "c")
	text, err := exec.Command("bash", up, "--dir", state, "--ttl", "900").CombinedOutput()
	if err != nil && strings.Contains(string(text), "unshare") {
		t.Skipf("name spaces cannot be made here: %s", text)
	} else if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	t.Cleanup(func() {
		if text, err := exec.Command("bash", filepath.Join(scripts, "down.sh"), "--dir", state).CombinedOutput(); err != nil {
			t.Errorf("the cluster did not go: %v: %s", err, text)
		}
	})
	t.Setenv("PATH", filepath.Join(state, "bin")+":"+os.Getenv("PATH"))
	t.Setenv("SLURM_CONF", filepath.Join(state, "slurm.conf"))
	t.Setenv("SLURM_CLUSTER_DIR", state)
}
