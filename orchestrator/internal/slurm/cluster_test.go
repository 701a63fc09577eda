// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mlperf-ssd/orchestrator/internal/slurm/slurmtest"
)

// The test binary is the program of the jobs, too: roleVariable says what it is.
const roleVariable = "SSD_SLURM_TEST_ROLE"

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "launcher":
		err = launcher(2)
	case "rank":
		_, task, discoverErr := Discover(os.LookupEnv)
		if err = discoverErr; err == nil {
			fmt.Println("rank", task.Rank, "prints")
			_, err = fmt.Fprintf(os.Stderr, "rank %d of %d, %d of %d on node %d, CUDA_VISIBLE_DEVICES=%s\n", task.Rank, task.World, task.LocalRank,
				task.LocalWorld, task.Node, os.Getenv("CUDA_VISIBLE_DEVICES"))
		}
	case "sleeper":
		fmt.Println("asleep")
		time.Sleep(time.Hour)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// launcher does inside an allocation what a launch does there.
func launcher(nodes int) error {
	job, _, err := Discover(os.LookupEnv)
	if err != nil {
		return err
	}
	a := &Allocation{Runner: Exec{}, Job: job, RanksPerNode: 4, GPUsPerNode: 4, Stderr: os.Stdout}
	if err := a.Check(nodes); err != nil {
		return err
	}
	ctx := context.Background()
	system, err := a.HostOS(ctx)
	if err != nil {
		return err
	}
	fmt.Println("host system", system)
	if err := a.MakeFolder(ctx, filepath.Join(os.Getenv("SSD_SLURM_TEST_DIR"), "made")); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var out bytes.Buffer
	err = a.RunRanks(ctx, Ranks{Command: []string{self}, Env: []string{roleVariable + "=rank"}, Stdout: os.Stdout, Stderr: &out})
	lines := slices.Sorted(strings.Lines(out.String()))
	fmt.Print(strings.Join(lines, ""))
	if err != nil {
		return err
	}
	err = a.RunRanks(ctx, Ranks{Command: []string{"sh", "-c", `read word; [ "$SLURM_PROCID $word" != "5 secret" ] || exit 3; sleep 60`}, Stdout: os.Stdout, Input: []byte("secret\n")})
	fmt.Println("rank 5 failed:", err)
	return nil
}

// submitted runs a role of this binary as a job and gives its end and what it printed.
func submitted(t *testing.T, role string, options []string, interrupt chan os.Signal) (State, string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	plan := Plan{Name: "test", Nodes: 2, RanksPerNode: 4, Limit: time.Minute, Dir: dir, Output: filepath.Join(dir, "%j.out"), Options: options,
		Command: []string{"env", roleVariable + "=" + role, "SSD_SLURM_TEST_DIR=" + dir, self}}
	script, err := plan.Script()
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if _, err := TestOnly(ctx, Exec{}, script); err != nil {
		t.Fatal(err)
	}
	id, err := Submit(ctx, Exec{}, script)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	answer := writerFunc(func(text []byte) {
		out.Write(text)
		if interrupt != nil && bytes.Contains(text, []byte("asleep")) {
			go func() {
				interrupt <- os.Interrupt
				interrupt <- os.Interrupt
			}()
		}
	})
	f := Follower{Runner: Exec{}, Job: id, Log: filepath.Join(dir, id+".out"), Out: answer, Say: func(text string) { t.Log(text) }, Interrupt: interrupt}
	state, err := f.Follow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if role == "launcher" {
		if _, err := os.Stat(filepath.Join(dir, "made")); err != nil {
			t.Error(err)
		}
	}
	return state, out.String()
}

func TestCluster(t *testing.T) {
	slurmtest.Start(t, "../../..")
	t.Run("hosts", TestHostsEqualScontrol)
	var want []string
	for rank := range 8 {
		want = append(want, fmt.Sprintf("%[1]d: rank %[1]d of 8, %[2]d of 4 on node %[3]d, CUDA_VISIBLE_DEVICES=0,1,2,3", rank, rank%4, rank/4))
	}
	// A partition that gives whole nodes, and one that does not.
	for _, partition := range []string{"batch", "shared"} {
		t.Run(partition, func(t *testing.T) {
			state, out := submitted(t, "launcher", []string{"--partition=" + partition}, nil)
			if state.Word != "COMPLETED" {
				t.Errorf("%+v", state)
			}
			var ranks []string
			for line := range strings.Lines(out) {
				if strings.Contains(line, ": rank ") {
					ranks = append(ranks, strings.TrimSpace(line))
				}
			}
			if diff := cmp.Diff(want, ranks); diff != "" {
				t.Errorf("%s\n%s", diff, out)
			}
			if strings.Count(out, "rank 0 prints\n") != 1 || strings.Contains(out, "rank 1 prints") {
				t.Errorf("standard output is not rank 0's:\n%s", out)
			}
			// srun gives 137 or 143: the others were ended.
			for _, words := range []string{"host system ", "rank 5 failed: task 5 on n2: Exited with exit code 3: srun: exit code 1"} {
				if !strings.Contains(out, words) {
					t.Errorf("no %q in:\n%s", words, out)
				}
			}
		})
	}
	t.Run("cancel", func(t *testing.T) {
		if state, _ := submitted(t, "sleeper", nil, make(chan os.Signal)); state.Word != "CANCELLED" {
			t.Errorf("%+v", state)
		}
	})
	t.Run("never", func(t *testing.T) {
		script, err := Plan{Name: "test", Nodes: 9, RanksPerNode: 1, Dir: "/", Output: "/dev/null", Command: []string{"true"}}.Script()
		if err != nil {
			t.Fatal(err)
		}
		if text, err := TestOnly(t.Context(), Exec{}, script); err == nil || !strings.Contains(err.Error(), "could never start") {
			t.Errorf("%q, %v", text, err)
		}
	})
	t.Run("a processor a node", func(t *testing.T) {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		script := "#!/bin/sh\n" + roleVariable + "=launcher exec " + quote(self) + "\n"
		cmd := exec.Command("sbatch", "--wait", "--nodes=2", "--partition=shared", "--output="+filepath.Join(t.TempDir(), "out"))
		cmd.Stdin = strings.NewReader(script)
		_ = cmd.Run() // the job fails
		text, err := os.ReadFile(strings.TrimPrefix(cmd.Args[4], "--output="))
		if err != nil || !strings.Contains(string(text), "has 1 processors on a node, too few for 4 ranks") {
			t.Errorf("%v\n%s", err, text)
		}
	})
}
