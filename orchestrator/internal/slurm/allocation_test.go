// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mlperf-ssd/orchestrator/internal/container"
)

func allocation(r *recorder) *Allocation {
	return &Allocation{
		Runner: r, Job: &Job{ID: "12", NodeList: "n[1-2]", Nodes: []string{"n1", "n2"}, Cores: []int{9, 8}, GPUs: 4}, RanksPerNode: 4, GPUsPerNode: 4,
		Container: &container.Pyxis{Image: "/i.sqsh", Name: container.PyxisName("12", 0), WorkDir: "/r", Mounts: []container.Mount{{Path: "/r"}}},
		Stderr:    io.Discard,
	}
}

func TestCheck(t *testing.T) {
	a := allocation(nil)
	if err := a.Check(2); err != nil {
		t.Error(err)
	}
	if err := a.Check(3); err == nil || !strings.Contains(err.Error(), "cluster.nodes is 3, but job 12 has 2 (n[1-2]): sbatch -N 3") {
		t.Error(err)
	}
	a.Job.GPUs = 3
	if err := a.Check(2); err == nil || !strings.Contains(err.Error(), "has 3 GPUs on a node, too few for 4 ranks") {
		t.Error(err)
	}
	a.Job.Cores = []int{8, 1} // sbatch -N 2 alone, on a partition that shares nodes
	if err := a.Check(2); err == nil || !strings.Contains(err.Error(), "has 1 processors on a node, too few for 4 ranks: submit with --exclusive") {
		t.Error(err)
	}
}

// The whole of section 16's sequence, as the commands that a cluster gets.
func TestSequence(t *testing.T) {
	r := &recorder{answers: []answer{{on: "os-release", stdout: "Debian 12"}, {on: "-- worker", stdout: " 0: log: a\n 1: other\nwords\n 0: b"}}}
	a, ctx := allocation(r), context.Background()
	if system, err := a.HostOS(ctx); err != nil || system != "Debian 12" {
		t.Errorf("%q, %v", system, err)
	}
	var log bytes.Buffer
	for _, err := range []error{
		a.MakeFolder(ctx, "/r"), a.SetUpContainer(ctx), a.ClearCaches(ctx),
		a.RunRanks(ctx, Ranks{Command: []string{"worker"}, Stdout: &log}), a.RemoveContainer(ctx),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	const each = "srun --mpi=none --kill-on-bad-exit=1 --overlap --input=all "
	const nodes = each + "--nodes=2 --ntasks=2 --ntasks-per-node=1 "
	want := []string{
		each + `--nodes=1 --ntasks=1 --ntasks-per-node=1 -- sh -c . /etc/os-release && printf '%s' "$PRETTY_NAME"`,
		nodes + "-- mkdir -p -- /r",
		nodes + "--container-image=/i.sqsh --container-name=mlperf-ssd-12-0 -- true",
		nodes + "-- sh -c " + dropCaches,
		"srun --label " + strings.TrimPrefix(each, "srun ") + "--nodes=2 --ntasks=8 --ntasks-per-node=4 --cpus-per-task=2 --cpu-bind=none --mem-bind=none --gpus-per-node=4 " +
			"--container-name=mlperf-ssd-12-0 --container-workdir=/r --container-mounts=/r:/r -- worker",
		nodes + "-- " + strings.Join(a.Container.Remove("12"), " "),
	}
	if diff := cmp.Diff(want, r.lines); diff != "" || log.String() != "log: a\nb\n" {
		t.Errorf("log %q\n%s", &log, diff)
	}
}

func TestStepsNameTheirFailure(t *testing.T) {
	ctx := context.Background()
	r := &recorder{answers: []answer{
		{on: "--container-image", stderr: "slurmstepd: error: pyxis: no such file /i.sqsh\n", code: 1},
		{on: "drop_caches", stderr: "n2: caches not dropped: needs root\n", code: 1},
		{on: "worker", stderr: "boom\n", code: 3},
	}}
	a := allocation(r)
	for err, want := range map[error]string{
		a.SetUpContainer(ctx): "container /i.sqsh: container: Pyxis failed: no such file /i.sqsh",
		a.ClearCaches(ctx):    "srun: exit code 1: n2: caches not dropped",
		a.RunRanks(ctx, Ranks{Command: []string{"worker"}, Stdout: io.Discard}): "srun: exit code 3: boom",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// Tasks that srun left behind are ended, Slurm's own steps are not.
func TestCancelledRanksLeaveNoSteps(t *testing.T) {
	r := &recorder{answers: []answer{{on: "squeue --steps", stdout: "12.3\n12.batch\n12.extern\n"}, {on: "worker", code: 143}}}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := allocation(r).RunRanks(ctx, Ranks{Command: []string{"worker"}, Stdout: io.Discard}); err == nil {
		t.Error("no error")
	}
	if want := []string{"squeue --steps --noheader --jobs=12 --format=%i", "scancel --signal=KILL 12.3"}; !cmp.Equal(r.lines[1:], want) {
		t.Error(cmp.Diff(want, r.lines[1:]))
	}
}
