// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"fmt"
	"strconv"
	"strings"
)

// Lookup gives a variable of the environment, as os.LookupEnv does.
type Lookup func(name string) (string, bool)

// Job is the allocation that the process stands in.
type Job struct {
	ID           string
	Restarts     int      // how often Slurm has started it again
	NodeList     string   // compressed
	Nodes        []string // host names; the order is the list's
	Cores        []int    // processors that the job has on each node
	GPUs         int      // that it has on this node
	SubmitDir    string
	TasksPerNode int // that it was submitted with; 0 = not said
}

// Task is one task of an srun.
type Task struct {
	Step       string
	Rank       int // of World tasks
	World      int
	LocalRank  int // of LocalWorld tasks on its node
	LocalWorld int
	Node       int // index, from 0
}

const maxTasks = 1 << 20

// Slurm numbers its own steps down from the top; a shell in them is no task of an srun.
const (
	interactiveStep = "4294967290"
	batchStep       = "4294967291"
)

// Discover says where the process stands: outside (nil, nil), in the shell of an allocation (a job
// alone), or a task of an srun (both). The batch shell has SLURM_PROCID too, so the step's number
// decides. An error names the variable.
func Discover(lookup Lookup) (*Job, *Task, error) {
	v := variables{lookup: lookup}
	id := v.text("SLURM_JOB_ID")
	if id == "" {
		return nil, nil, nil
	}
	job := &Job{
		ID:           id,
		Restarts:     v.optional("SLURM_RESTART_COUNT"),
		NodeList:     v.text("SLURM_JOB_NODELIST"),
		GPUs:         v.optional("SLURM_GPUS_ON_NODE"),
		SubmitDir:    v.text("SLURM_SUBMIT_DIR"),
		TasksPerNode: v.optional("SLURM_NTASKS_PER_NODE"),
	}
	v.parse("SLURM_JOB_ID", func(text string) (err error) { _, err = number(text); return err })
	v.parse("SLURM_JOB_NODELIST", func(text string) (err error) { job.Nodes, err = Hosts(text); return err })
	v.parse("SLURM_JOB_CPUS_PER_NODE", func(text string) (err error) { job.Cores, err = counts(text, len(job.Nodes)); return err })
	step := v.text("SLURM_STEP_ID")
	if step == "" || step == interactiveStep || step == batchStep {
		return job, nil, v.err
	}
	t := &Task{
		Step:      step,
		Rank:      v.whole("SLURM_PROCID"),
		World:     v.whole("SLURM_NTASKS"),
		LocalRank: v.whole("SLURM_LOCALID"),
		Node:      v.whole("SLURM_NODEID"),
	}
	v.parse("SLURM_STEP_TASKS_PER_NODE", func(text string) error {
		tasks, err := counts(text, t.Node+1)
		if err == nil {
			t.LocalWorld = tasks[t.Node]
		}
		return err
	})
	if v.err == nil && (t.Rank >= t.World || t.LocalRank >= t.LocalWorld) {
		v.err = fmt.Errorf("slurm: SLURM_PROCID %d of SLURM_NTASKS %d, SLURM_LOCALID %d of %d tasks on the node: no such task",
			t.Rank, t.World, t.LocalRank, t.LocalWorld)
	}
	return job, t, v.err
}

// variables reads numbers and keeps the first error.
type variables struct {
	lookup Lookup
	err    error
}

func (v *variables) text(name string) string {
	text, _ := v.lookup(name)
	return text
}

// parse hands a variable to f, whose error gets the variable's name.
func (v *variables) parse(name string, f func(text string) error) {
	if v.err != nil {
		return
	}
	text, set := v.lookup(name)
	if !set {
		v.err = fmt.Errorf("slurm: %s is not set, though SLURM_JOB_ID is", name)
	} else if err := f(text); err != nil {
		v.err = fmt.Errorf("slurm: %s=%q: %w", name, shorten(text), err)
	}
}

func (v *variables) whole(name string) int {
	var n int64
	v.parse(name, func(text string) (err error) {
		if n, err = number(text); err == nil && n > maxTasks {
			err = fmt.Errorf("more than %d", maxTasks)
		}
		return err
	})
	return int(n)
}

func (v *variables) optional(name string) int {
	if v.text(name) == "" {
		return 0
	}
	return v.whole(name)
}

// counts expands numbers per node, 8(x2),4, of which there must be at least `least`.
func counts(text string, least int) ([]int, error) {
	var all []int
	for _, part := range strings.Split(text, ",") {
		each, times := part, "1"
		if head, tail, found := strings.Cut(part, "(x"); found {
			inner, closed := strings.CutSuffix(tail, ")")
			if !closed {
				return nil, fmt.Errorf("%q is not closed", part)
			}
			each, times = head, inner
		}
		n, err := strconv.ParseUint(each, 10, 31)
		k, err2 := strconv.ParseUint(times, 10, 31)
		if err != nil || err2 != nil || k < 1 || len(all)+int(k) > maxHosts {
			return nil, fmt.Errorf("%q is no number per node", part)
		}
		for range k {
			all = append(all, int(n))
		}
	}
	if len(all) < least {
		return nil, fmt.Errorf("counts for %d nodes, not %d", len(all), least)
	}
	return all, nil
}
