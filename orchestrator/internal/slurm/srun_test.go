// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestSrunArgs(t *testing.T) {
	step := Srun{Nodes: 2, TasksPerNode: 4, CoresPerTask: 16, GPUsPerNode: 4, Container: []string{"--container-name=a"}, Command: []string{"w", "-x"}}
	want := "--mpi=none --kill-on-bad-exit=1 --overlap --input=all --nodes=2 --ntasks=8 --ntasks-per-node=4 " +
		"--cpus-per-task=16 --cpu-bind=none --mem-bind=none --gpus-per-node=4 --container-name=a -- w -x"
	if got := strings.Join(step.Args(), " "); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	want = "--mpi=none --kill-on-bad-exit=1 --overlap --input=all --nodes=1 --ntasks=1 --ntasks-per-node=1 -- true"
	if got := strings.Join(Srun{Nodes: 1, TasksPerNode: 1, Command: []string{"true"}}.Args(), " "); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestExplain(t *testing.T) {
	for _, test := range []struct {
		code         int
		stderr, want string
	}{
		{1, "slurmstepd: error: pyxis: failed to import docker image\nslurmstepd: error: pyxis:     [ERROR] 401 Unauthorized\n",
			"container: Pyxis failed: failed to import docker image; [ERROR] 401 Unauthorized: srun: exit code 1"},
		{255, "/usr/bin/srun: unrecognized option '--container-image=x'\n", "this Slurm has no Pyxis"},
		{1, "srun: error: Unable to create step for job 5: More processors requested than permitted\n", "submit with --exclusive"},
		{2, "slurmstepd: error: execve(): /x: No such file or directory\n", "the program is not on every node"},
		{137, "srun: error: n2: task 5: Exited with exit code 3\nsrun: error: n1: tasks 0-3: Terminated\n",
			"task 5 on n2: Exited with exit code 3: srun: exit code 137"},
		{3, "boom", "srun: exit code 3: boom"},
	} {
		exit := &ExitError{Command: "srun", Code: test.code, Stderr: test.stderr}
		err := explain(exit)
		var inner *ExitError
		if !strings.Contains(err.Error(), test.want) || !errors.As(err, &inner) || inner.Code != test.code {
			t.Errorf("%v, want %s", err, test.want)
		}
	}
}

func TestExec(t *testing.T) {
	var out, errs bytes.Buffer
	err := Exec{}.Run(context.Background(), Command{Name: "sh", Args: []string{"-c", `cat; echo "$A" >&2; exit 3`},
		Env: []string{"A=b"}, Stdin: strings.NewReader("in"), Stdout: &out, Stderr: &errs})
	var exit *ExitError
	if !errors.As(err, &exit) || exit.Code != 3 || exit.Stderr != "b" || out.String() != "in" || errs.String() != "b\n" {
		t.Errorf("%v, stdout %q, stderr %q", err, &out, &errs)
	}
	if err := (Exec{}).Run(context.Background(), Command{Name: "no-such-command"}); err == nil || !strings.Contains(err.Error(), "is this a node of a Slurm cluster?") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	err = Exec{}.Run(ctx, Command{Name: "sh", Args: []string{"-c", `trap 'exit 9' TERM; echo; while :; do sleep 0.01; done`},
		Stdout: writerFunc(func([]byte) { cancel() }), Grace: time.Minute})
	if !errors.As(err, &exit) || exit.Code != 9 {
		t.Errorf("asked to stop: %v", err)
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(text []byte) (int, error) {
	f(text)
	return len(text), nil
}
