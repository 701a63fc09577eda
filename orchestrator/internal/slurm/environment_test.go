// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What Slurm 22.05 sets in the batch shell of `sbatch -N 2`, and more of it in a task of an srun.
var (
	batchShell = map[string]string{
		"SLURM_JOB_ID": "12", "SLURM_JOB_NODELIST": "n[1-2]", "SLURM_JOB_CPUS_PER_NODE": "8(x2)", "SLURM_SUBMIT_DIR": "/home/a",
		"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_TASKS_PER_NODE": "8(x2)", "SLURM_GPUS_ON_NODE": "4",
		"SLURM_NTASKS_PER_NODE": "3",
	}
	task = with(batchShell, "SLURM_STEP_ID", "3", "SLURM_PROCID", "4", "SLURM_NTASKS", "5", "SLURM_LOCALID", "1", "SLURM_NODEID", "1",
		"SLURM_STEP_TASKS_PER_NODE", "3,2", "SLURM_RESTART_COUNT", "1")
)

func with(base map[string]string, pairs ...string) map[string]string {
	all := maps.Clone(base)
	for pair := range slices.Chunk(pairs, 2) {
		all[pair[0]] = pair[1]
	}
	return all
}

func lookup(variables map[string]string) Lookup {
	return func(name string) (string, bool) {
		value, set := variables[name]
		return value, set
	}
}

func TestDiscover(t *testing.T) {
	job := Job{ID: "12", NodeList: "n[1-2]", Nodes: []string{"n1", "n2"}, Cores: []int{8, 8}, GPUs: 4, TasksPerNode: 3, SubmitDir: "/home/a"}
	restarted := job
	restarted.Restarts = 1
	for _, test := range []struct {
		name      string
		variables map[string]string
		job       *Job
		task      *Task
	}{
		{"outside", map[string]string{"SLURM_CONF": "/x", "SLURM_PROCID": "0"}, nil, nil},
		{"batch shell", batchShell, &job, nil},
		{"batch step", with(batchShell, "SLURM_STEP_ID", "4294967291"), &job, nil},
		{"interactive step", with(batchShell, "SLURM_STEP_ID", "4294967290"), &job, nil},
		{"task", task, &restarted, &Task{Step: "3", Rank: 4, World: 5, LocalRank: 1, LocalWorld: 2, Node: 1}},
	} {
		gotJob, gotTask, err := Discover(lookup(test.variables))
		if err != nil || !cmp.Equal(gotJob, test.job) || !cmp.Equal(gotTask, test.task) {
			t.Errorf("%s: %+v, %+v, %v", test.name, gotJob, gotTask, err)
		}
	}
}

func TestDiscoverNamesTheVariable(t *testing.T) {
	without := maps.Clone(task)
	delete(without, "SLURM_NODEID")
	for _, test := range []struct {
		variables map[string]string
		want      string
	}{
		{with(batchShell, "SLURM_JOB_ID", "x"), `SLURM_JOB_ID="x"`},
		{with(batchShell, "SLURM_JOB_NODELIST", "n[1-"), `SLURM_JOB_NODELIST="n[1-"`},
		{with(batchShell, "SLURM_JOB_CPUS_PER_NODE", "8"), "counts for 1 nodes, not 2"},
		{with(batchShell, "SLURM_JOB_CPUS_PER_NODE", "8(x2"), `"8(x2" is not closed`},
		{with(batchShell, "SLURM_JOB_CPUS_PER_NODE", "8(x0)"), `"8(x0)" is no number per node`},
		{with(batchShell, "SLURM_JOB_CPUS_PER_NODE", "8(x99999999)"), "is no number per node"},
		{with(batchShell, "SLURM_GPUS_ON_NODE", "gpu:4"), `SLURM_GPUS_ON_NODE="gpu:4"`},
		{with(batchShell, "SLURM_RESTART_COUNT", "-1"), `SLURM_RESTART_COUNT="-1"`},
		{without, "SLURM_NODEID is not set"},
		{with(task, "SLURM_PROCID", "5"), "SLURM_PROCID 5 of SLURM_NTASKS 5"},
		{with(task, "SLURM_LOCALID", "2"), "SLURM_LOCALID 2 of 2"},
		{with(task, "SLURM_NODEID", "2"), "counts for 2 nodes, not 3"},
		{with(task, "SLURM_NODEID", "99999999"), "more than 1048576"},
	} {
		if _, _, err := Discover(lookup(test.variables)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %s", err, test.want)
		}
	}
}
