// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"mlperf-ssd/orchestrator/internal/container"
)

// Allocation is what a launcher does on the nodes of its job (spec section 16).
type Allocation struct {
	Runner       Runner
	Job          *Job
	RanksPerNode int
	GPUsPerNode  int              // 0 = none asked
	Container    *container.Pyxis // nil = none
	Stderr       io.Writer        // of all steps
}

// Check is an error unless the job has the given nodes, each with a processor for each rank.
func (a *Allocation) Check(nodes int) error {
	if have := len(a.Job.Nodes); have != nodes {
		return fmt.Errorf("cluster.nodes is %d, but job %s has %d (%s): sbatch -N %d, or --set cluster.nodes=%d",
			nodes, a.Job.ID, have, a.Job.NodeList, nodes, have)
	}
	if least := slices.Min(a.Job.Cores); least < a.RanksPerNode {
		return fmt.Errorf("job %s has %d processors on a node, too few for %d ranks: submit with --exclusive, or with --ntasks-per-node=%d",
			a.Job.ID, least, a.RanksPerNode, a.RanksPerNode)
	}
	if have := a.Job.GPUs; have < a.GPUsPerNode {
		return fmt.Errorf("job %s has %d GPUs on a node, too few for %d ranks: submit with --exclusive, or with --gpus-per-node=%d",
			a.Job.ID, have, a.GPUsPerNode, a.GPUsPerNode)
	}
	return nil
}

// HostOS is the name of the operating system of a node, outside the container.
func (a *Allocation) HostOS(ctx context.Context) (string, error) {
	var out bytes.Buffer
	step := Srun{Nodes: 1, TasksPerNode: 1, Command: []string{"sh", "-c", `. /etc/os-release && printf '%s' "$PRETTY_NAME"`}}
	if err := a.step(ctx, step, &out); err != nil {
		return "", fmt.Errorf("host system: %w", err)
	}
	return strings.TrimSpace(out.String()), nil
}

// MakeFolder makes a folder, absolute, on every node.
func (a *Allocation) MakeFolder(ctx context.Context, path string) error {
	if err := a.onEveryNode(ctx, "mkdir", "-p", "--", path); err != nil {
		return fmt.Errorf("folder %s: %w", path, err)
	}
	return nil
}

// SetUpContainer makes the container on every node; without one there is nothing to do.
func (a *Allocation) SetUpContainer(ctx context.Context) error {
	if a.Container == nil {
		return nil
	}
	step := a.everyNode("true")
	step.Container = a.Container.Create()
	if err := a.step(ctx, step, nil); err != nil {
		return fmt.Errorf("container %s: %w", a.Container.Image, err)
	}
	return nil
}

// RemoveContainer removes the container from every node.
func (a *Allocation) RemoveContainer(ctx context.Context) error {
	if a.Container == nil {
		return nil
	}
	return a.onEveryNode(ctx, a.Container.Remove(a.Job.ID)...)
}

// dropCaches empties the page caches: as root, or with a sudo that asks for nothing.
const dropCaches = `sync
if [ -w /proc/sys/vm/drop_caches ]; then echo 3 >/proc/sys/vm/drop_caches && exit; fi
sudo -n sysctl -q -w vm.drop_caches=3 && exit
echo "$(hostname): caches not dropped: needs root, or a sudo without password for sysctl" >&2
exit 1`

// ClearCaches empties the page caches of every node, outside the container.
func (a *Allocation) ClearCaches(ctx context.Context) error {
	return a.onEveryNode(ctx, "sh", "-c", dropCaches)
}

// Ranks is a program to run once a rank.
type Ranks struct {
	Command []string               // in the container, where there is one
	Env     []string               // NAME=VALUE
	Input   []byte                 // every rank gets it on standard input: it is no place that others can read
	Stdout  io.Writer              // of rank 0
	Stderr  io.Writer              // of all, each line with its rank in front
	Grace   time.Duration          // from SIGTERM to SIGKILL
	Ended   func(TaskEnd)          // hears of tasks that ended badly, as far as srun tells; nil = nobody
	IsCrash func(line string) bool // knows a line that reports a crash; with Ended
}

// RunRanks runs a program on all ranks until the last one ends; one that fails ends the others. When
// the context ends they get SIGTERM, and SIGKILL later. srun's exit code does not tell who failed first.
func (a *Allocation) RunRanks(ctx context.Context, r Ranks) error {
	step := a.everyNode(r.Command...)
	step.TasksPerNode, step.GPUsPerNode = a.RanksPerNode, a.GPUsPerNode
	step.CoresPerTask = slices.Min(a.Job.Cores) / a.RanksPerNode
	if a.Container != nil {
		step.Container = a.Container.Enter()
	}
	first, errs := firstRank(r.Stdout), r.Stderr
	if r.Ended != nil {
		errs = newEndWatch(r.Stderr, r.IsCrash, r.Ended)
	}
	err := a.Runner.Run(ctx, Command{Name: "srun", Args: append([]string{"--label"}, step.Args()...), Env: r.Env,
		Stdin: bytes.NewReader(r.Input), Stdout: first, Stderr: errs, Grace: r.Grace})
	err = errors.Join(err, first.Flush())
	if ctx.Err() != nil {
		// srun may be gone and its tasks not.
		err = errors.Join(err, a.endSteps(context.WithoutCancel(ctx)))
	}
	return explained(err)
}

// endSteps ends every srun of the job.
func (a *Allocation) endSteps(ctx context.Context) error {
	text, err := output(ctx, a.Runner, "squeue", "--steps", "--noheader", "--jobs="+a.Job.ID, "--format=%i")
	if err != nil {
		return fmt.Errorf("steps: %w", err)
	}
	for step := range strings.FieldsSeq(text) {
		_, index, _ := strings.Cut(step, ".")
		if _, err := number(index); err != nil {
			continue // .batch, .extern
		}
		if _, err := output(ctx, a.Runner, "scancel", "--signal=KILL", step); err != nil {
			return fmt.Errorf("step %s: %w", step, err)
		}
	}
	return nil
}

func (a *Allocation) everyNode(command ...string) Srun {
	return Srun{Nodes: len(a.Job.Nodes), TasksPerNode: 1, Command: command}
}

func (a *Allocation) onEveryNode(ctx context.Context, command ...string) error {
	return a.step(ctx, a.everyNode(command...), nil)
}

func (a *Allocation) step(ctx context.Context, s Srun, out io.Writer) error {
	return explained(a.Runner.Run(ctx, Command{Name: "srun", Args: s.Args(), Stdout: out, Stderr: a.Stderr}))
}

func explained(err error) error {
	var exit *ExitError
	if errors.As(err, &exit) {
		return explain(exit)
	}
	return err
}
