// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package crew

import (
	"context"
	"net"
	"os"
	"strings"

	"mlperf-ssd/orchestrator/internal/binding"
	"mlperf-ssd/orchestrator/internal/container"
	"mlperf-ssd/orchestrator/internal/slurm"
	"mlperf-ssd/orchestrator/internal/supervise"
)

// Srun starts workers by srun. They find their rank in the step's environment.
type Srun struct {
	Allocation *slurm.Allocation
	Env        []string // NAME=VALUE
	Binding    binding.Options
}

// Host is this machine's address on the way to the other nodes, which need not know its name, and the
// machine may have several. A job of this node alone stays inside it.
func (s *Srun) Host() string {
	own, err := os.Hostname()
	if err != nil {
		own = s.Allocation.Job.Nodes[0]
	}
	short, _, _ := strings.Cut(own, ".")
	for _, node := range s.Allocation.Job.Nodes {
		if node == own || node == short {
			continue
		}
		connection, err := net.Dial("udp", net.JoinHostPort(node, "9")) // nothing is sent
		if err != nil {
			return own
		}
		defer func() { _ = connection.Close() }()
		if address, ok := connection.LocalAddr().(*net.UDPAddr); ok {
			return address.IP.String()
		}
		return own
	}
	return "127.0.0.1"
}

// Run makes one step of all ranks.
func (s *Srun) Run(ctx context.Context, w Workers) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	if s.Allocation.Container != nil {
		program = container.Program
	}
	command := []string{program, "task"}
	if s.Allocation.GPUsPerNode > 0 {
		command = append(command, "--gpus")
	}
	for _, flag := range []struct{ name, value string }{{"--cpu=", s.Binding.CPU}, {"--memory=", s.Binding.Memory}, {"--network=", s.Binding.Network}} {
		if flag.value != "" {
			command = append(command, flag.name+flag.value)
		}
	}
	world := len(s.Allocation.Job.Nodes) * s.Allocation.RanksPerNode
	return s.Allocation.RunRanks(ctx, slurm.Ranks{
		Command: append(append(command, "--"), w.Args...),
		Env:     s.Env,
		Input:   w.Input,
		Stdout:  w.Stdout,
		Stderr:  w.Stderr,
		Grace:   w.Grace,
		IsCrash: supervise.IsCrash,
		Ended: func(end slurm.TaskEnd) {
			if end.Rank < world {
				w.Ended(end.Rank, &supervise.ExitError{Rank: end.Rank, Code: end.Code, Signal: end.Signal, Crash: end.Crash, Others: end.Doubtful})
			}
		},
	})
}
