// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package slurm

import (
	"fmt"
	"strings"
	"time"
)

// Plan is a job to submit.
type Plan struct {
	Name         string
	Nodes        int
	RanksPerNode int
	GPUsPerNode  int           // 0 = none asked
	Limit        time.Duration // whole minutes; 0 = the partition's default
	Dir          string        // where the job runs; absolute
	Output       string        // file of what the job prints; absolute, with %j for the job
	Options      []string      // further options of sbatch, one a line
	Command      []string      // run once, in the batch shell's place
}

// Script is the batch script: the same bytes for the same plan.
//
// The nodes are asked for whole, as a partition may give one processor a node otherwise. The signal
// comes early enough for logs to be closed, to the batch process alone; it is left out where the time
// is too short for Slurm, which sends it up to a minute early. A requeued job would time a trial that
// began elsewhere: it is not wanted.
func (p Plan) Script() (string, error) {
	options := []string{
		"--job-name=" + p.Name,
		fmt.Sprintf("--nodes=%d", p.Nodes),
		fmt.Sprintf("--ntasks-per-node=%d", p.RanksPerNode),
	}
	if p.GPUsPerNode > 0 {
		options = append(options, fmt.Sprintf("--gpus-per-node=%d", p.GPUsPerNode))
	}
	options = append(options, "--exclusive")
	if p.Limit > 0 {
		options = append(options, fmt.Sprintf("--time=%d", minutes(p.Limit)))
	}
	if lead := p.signalLead(); lead > 0 {
		options = append(options, fmt.Sprintf("--signal=B:TERM@%d", lead))
	}
	options = append(options, "--open-mode=append", "--no-requeue", "--chdir="+p.Dir, "--output="+p.Output)
	options = append(options, p.Options...)

	var script strings.Builder
	script.WriteString("#!/bin/sh\n")
	for _, option := range options {
		if strings.ContainsAny(option, "\n\r\"\\\x00") {
			return "", fmt.Errorf("slurm: script: sbatch cannot take the option %q", option)
		}
		if strings.ContainsAny(option, " \t#'") {
			name, value, _ := strings.Cut(option, "=")
			option = fmt.Sprintf("%s=\"%s\"", name, value)
		}
		fmt.Fprintf(&script, "#SBATCH %s\n", option)
	}
	script.WriteString("exec")
	for _, word := range p.Command {
		if strings.ContainsRune(word, 0) {
			return "", fmt.Errorf("slurm: script: %q holds a zero byte", word)
		}
		script.WriteString(" \\\n  " + quote(word))
	}
	script.WriteString("\n")
	return script.String(), nil
}

func (p Plan) signalLead() int {
	switch {
	case p.Limit == 0 || p.Limit >= 10*time.Minute:
		return 120
	case p.Limit >= 3*time.Minute:
		return 30
	default:
		return 0
	}
}

// minutes rounds up, as Slurm does.
func minutes(d time.Duration) int64 { return int64((d + time.Minute - 1) / time.Minute) }

// quote makes a word that a POSIX shell reads as it is.
func quote(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%"
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
