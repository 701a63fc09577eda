// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// markName is the variable that every process of a struck run has, on all nodes of a test cluster.
const markName = "MLPERF_SSD_DRILL"

type process struct {
	pid  int
	args []string
	env  []string
}

// marked are the living processes of a run.
func marked(dir string) []process {
	paths, _ := filepath.Glob("/proc/[0-9]*") // the pattern is right
	var found []process
	for _, path := range paths {
		env := words(path + "/environ")
		args := words(path + "/cmdline")
		if len(args) == 0 || !slices.Contains(env, markName+"="+dir) {
			continue // ended meanwhile, or of somebody else
		}
		if pid, err := strconv.Atoi(filepath.Base(path)); err == nil {
			found = append(found, process{pid, args, env})
		}
	}
	return found
}

// words are the strings of a file of /proc; none of a zombie.
func words(path string) []string {
	text, err := os.ReadFile(path)
	if err != nil || len(text) == 0 {
		return nil
	}
	return strings.Split(strings.TrimRight(string(text), "\x00"), "\x00")
}

func (p process) runs(verb string) bool {
	return filepath.Base(p.args[0]) == program && slices.Contains(p.args[1:], verb)
}

func (p process) isWorkerOf(rank int) bool {
	return p.runs("worker") && (slices.Contains(p.args, fmt.Sprintf("--rank=%d", rank)) || slices.Contains(p.env, fmt.Sprintf("SLURM_PROCID=%d", rank)))
}

// isLauncherInJob tells the launcher that srun starts ranks for from the one that waits for the job.
func (p process) isLauncherInJob() bool {
	return p.runs("launch") && slices.ContainsFunc(p.env, func(v string) bool { return strings.HasPrefix(v, "SLURM_JOB_ID=") })
}
