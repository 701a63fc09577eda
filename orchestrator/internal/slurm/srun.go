// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"fmt"
	"regexp"
	"strings"
)

// Srun is a step of the allocation: equally many tasks on each node.
type Srun struct {
	Nodes        int
	TasksPerNode int
	CoresPerTask int      // 0 = one, Slurm's default
	GPUsPerNode  int      // 0 = none; a step that asks for none sees none, even on a whole node
	Container    []string // options of Pyxis, as container.Pyxis makes them
	Command      []string
}

// Args are the arguments of srun. Every resource is asked for again: a step inherits none. The other
// tasks are killed when one fails; PMIx, a site's default perhaps, is not used; binding is the worker's
// affair.
func (s Srun) Args() []string {
	args := []string{
		"--mpi=none", "--kill-on-bad-exit=1", "--overlap", "--input=all",
		fmt.Sprintf("--nodes=%d", s.Nodes),
		fmt.Sprintf("--ntasks=%d", s.Nodes*s.TasksPerNode),
		fmt.Sprintf("--ntasks-per-node=%d", s.TasksPerNode),
	}
	if s.CoresPerTask > 0 {
		args = append(args, fmt.Sprintf("--cpus-per-task=%d", s.CoresPerTask), "--cpu-bind=none", "--mem-bind=none")
	}
	if s.GPUsPerNode > 0 {
		args = append(args, fmt.Sprintf("--gpus-per-node=%d", s.GPUsPerNode))
	}
	args = append(args, s.Container...)
	return append(append(args, "--"), s.Command...)
}

// explain says more of a step's failure than srun's exit code does: Pyxis fails with 1, as programs do,
// and tells itself only by its words.
func explain(exit *ExitError) error {
	quiet := &ExitError{Command: exit.Command, Code: exit.Code} // its words are told better
	var lines []string
	for line := range strings.Lines(exit.Stderr) {
		if _, text, found := strings.Cut(line, "pyxis: "); found {
			lines = append(lines, strings.TrimSpace(text))
		}
	}
	switch {
	case len(lines) > 0:
		return fmt.Errorf("container: Pyxis failed: %s: %w", strings.Join(lines, "; "), quiet)
	case strings.Contains(exit.Stderr, "unrecognized option '--container-"):
		return fmt.Errorf("container: this Slurm has no Pyxis: have it installed, or run without a container "+
			"(cluster.container = \"\", or CONT unset): %w", exit)
	case strings.Contains(exit.Stderr, "More processors requested than permitted"),
		strings.Contains(exit.Stderr, "Requested node configuration is not available"):
		return fmt.Errorf("the allocation is smaller than the ranks need: submit with --exclusive, or give --ntasks-per-node "+
			"(and --gpus-per-node) to sbatch: %w", exit)
	case exit.Code == 2 && strings.Contains(exit.Stderr, "No such file or directory"):
		return fmt.Errorf("the program is not on every node: is its folder shared, or in the container? %w", exit)
	}
	// The task that srun names first failed, the others were ended for it.
	task := regexp.MustCompile(`srun: error: (\S+): tasks? ([0-9,-]+): ([^\n]+)`)
	if first := task.FindStringSubmatch(exit.Stderr); first != nil {
		return fmt.Errorf("task %s on %s: %s: %w", first[2], first[1], first[3], quiet)
	}
	return exit
}
