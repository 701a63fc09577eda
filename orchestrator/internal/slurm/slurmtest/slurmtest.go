// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package slurmtest starts a real Slurm of four nodes on this machine for tests.
package slurmtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Start starts a cluster for the test and puts its commands on PATH. It skips the test, saying why,
// where the scripts, Debian's packages or root are missing. root is the path to the repository.
func Start(t *testing.T, root string) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a Slurm cluster: not in short mode")
	}
	c, err := Up(root, 15*time.Minute)
	var unavailable *UnavailableError
	if errors.As(err, &unavailable) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Down(); err != nil {
			t.Error(err)
		}
	})
	for name, value := range c.Env() {
		t.Setenv(name, value)
	}
}

// UnavailableError says why no cluster can be had here.
type UnavailableError struct{ Text string }

func (e *UnavailableError) Error() string { return e.Text }

// Cluster is a login node and the nodes n1 to n4.
type Cluster struct {
	scripts, dir string
}

// Up starts a cluster that ends itself after a time. root is the path to the repository.
func Up(root string, life time.Duration) (*Cluster, error) {
	scripts := filepath.Join(root, "..", "shared", "slurm-cluster")
	if shared := os.Getenv("SSD_SHARED_DIR"); shared != "" {
		scripts = filepath.Join(shared, "slurm-cluster")
	}
	up := filepath.Join(scripts, "up.sh")
	if _, err := os.Stat(up); err != nil {
		return nil, &UnavailableError{fmt.Sprintf("the scripts of a test cluster are not here: %v", err)}
	}
	if os.Getuid() != 0 {
		return nil, &UnavailableError{"a test cluster needs root"}
	}
	for _, program := range []string{"/usr/sbin/slurmctld", "/usr/sbin/slurmd", "/usr/bin/srun", "/usr/sbin/munged"} {
		if _, err := os.Stat(program); err != nil {
			return nil, &UnavailableError{fmt.Sprintf("a Debian package of slurmctld slurmd slurm-client munge is missing: %v", err)}
		}
	}
	dir, err := os.MkdirTemp("", "ssd-slurm-") // short: sockets lie in it
	if err != nil {
		return nil, err
	}
	c := &Cluster{scripts, filepath.Join(dir, "c")}
	text, err := exec.Command("bash", up, "--dir", c.dir, "--ttl", strconv.Itoa(int(life.Seconds()))).CombinedOutput()
	switch {
	case err == nil:
		return c, nil
	case strings.Contains(string(text), "unshare"):
		err = &UnavailableError{fmt.Sprintf("name spaces cannot be made here: %s", text)}
	default:
		err = fmt.Errorf("the cluster did not start: %w: %s", err, text)
	}
	return nil, errors.Join(err, os.RemoveAll(dir))
}

// Down ends the cluster with all that runs on it.
func (c *Cluster) Down() error {
	if text, err := exec.Command("bash", filepath.Join(c.scripts, "down.sh"), "--dir", c.dir).CombinedOutput(); err != nil {
		return fmt.Errorf("the cluster did not go: %w: %s", err, text)
	}
	return os.RemoveAll(filepath.Dir(c.dir))
}

// Env are the variables with which Slurm's commands reach the cluster.
func (c *Cluster) Env() map[string]string {
	return map[string]string{
		"PATH":              filepath.Join(c.dir, "bin") + ":" + os.Getenv("PATH"),
		"SLURM_CONF":        filepath.Join(c.dir, "slurm.conf"),
		"SLURM_CLUSTER_DIR": c.dir,
	}
}

// Node does something to a node: cut, join (its network), fail, start (its power).
func (c *Cluster) Node(what, name string) error {
	if text, err := c.command("node", what, name).CombinedOutput(); err != nil {
		return fmt.Errorf("node %s %s: %w: %s", what, name, err, text)
	}
	return nil
}

// Idle is the number of nodes that could take a job.
func (c *Cluster) Idle() (int, error) {
	text, err := c.command("sinfo", "--noheader", "--partition=batch", "--states=idle", "--format=%D").Output()
	if err != nil {
		return 0, fmt.Errorf("sinfo: %w", err)
	}
	if word := strings.TrimSpace(string(text)); word != "" {
		return strconv.Atoi(word)
	}
	return 0, nil
}

// CancelAll ends all jobs.
func (c *Cluster) CancelAll() error { return c.command("scancel", "--user=root").Run() }

func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.dir, "bin", name), args...)
	cmd.Env = os.Environ()
	for name, value := range c.Env() {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}
