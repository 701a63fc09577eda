// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"mlperf-ssd/orchestrator/internal/slurm/slurmtest"
)

// Slurm's commands are scripts here that write down how they were called.
func TestSlurmRecorder(t *testing.T) { runScripts(t, "slurm") }

// docker is such a script, too.
func TestDockerRecorder(t *testing.T) { runScripts(t, "container") }

// A real Slurm of four nodes on this machine.
func TestSlurmCluster(t *testing.T) {
	skipWithout(t, install.fakeEngine)
	slurmtest.Start(t, install.root)
	runScripts(t, "cluster")
}

func TestSlurmRealEngine(t *testing.T) {
	skipWithout(t, install.realEngine)
	slurmtest.Start(t, install.root)
	runScripts(t, "cluster_real")
}

// Slurm with the image of `make image-sqsh`.
func TestSlurmImage(t *testing.T) {
	skipWithoutImage(t)
	slurmtest.Start(t, install.root)
	runScripts(t, "cluster_image")
}

// searchPath is PATH with the program under test. The commands of a test cluster stay first: they leave
// themselves out of the PATH of its nodes.
func searchPath() string {
	program, path := filepath.Dir(install.program)+":", os.Getenv("PATH")
	cluster := filepath.Join(os.Getenv("SLURM_CLUSTER_DIR"), "bin") + ":"
	if rest, found := strings.CutPrefix(path, cluster); found {
		return cluster + program + rest
	}
	return program + path
}

// here WANT program [args...]: like code, for any program and in the script's environment.
func here(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: here WANT program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	for file, stream := range map[string]string{"out": "stdout", "err": "stderr"} {
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(ts.ReadFile(stream)), 0o600))
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// cancel WANT FILE WORD program [args...]: runs the program in the script's environment; when FILE holds
// WORD, Ctrl-C; when that is asked about, Ctrl-C again. Checks its exit code.
func cancel(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: cancel WANT FILE WORD program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	cmd := command(ctx, ts, args[3:])
	cmd.Env = append(cmd.Env, "PATH="+ts.Getenv("PATH"))
	ts.Check(cmd.Start())
	for _, wait := range []struct{ file, word string }{{args[1], args[2]}, {"err", "cancel it?"}} {
		holds := func() bool {
			text, err := os.ReadFile(ts.MkAbs(wait.file))
			return err == nil && strings.Contains(string(text), wait.word)
		}
		if !await(ctx, holds) {
			_ = cmd.Process.Kill()
			ts.Fatalf("%s never held %q", wait.file, wait.word)
		}
		ts.Check(cmd.Process.Signal(os.Interrupt))
	}
	finish(ts, want, cmd.Wait())
}
