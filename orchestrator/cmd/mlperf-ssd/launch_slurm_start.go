// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"mlperf-ssd/orchestrator/internal/container"
	"mlperf-ssd/orchestrator/internal/slurm"
	"mlperf-ssd/orchestrator/internal/supervise"
)

// starter runs the workers of a trial, one process a rank. The launcher serves the rendezvous meanwhile.
type starter interface {
	// Host is what the workers call the machine of the launcher, which listens on all its addresses.
	Host() string
	// Run starts the workers, gives each of them the same words, and returns when the last one has
	// ended. One that fails ends the others. When the context ends they get SIGTERM, and SIGKILL after
	// the grace. The error says that something failed; what failed first, the rendezvous knows.
	Run(ctx context.Context, w workers) error
}

// workers is what every rank runs: this program with the given arguments.
type workers struct {
	Args   []string
	Input  []byte // on standard input: the access to the rendezvous, a secret
	Stdout io.Writer
	Stderr io.Writer
	Grace  time.Duration
	// Ended hears of ranks that ended badly, by their exit status, from starters that know it; from any
	// goroutine.
	Ended func(rank int, err error)
}

// srunStarter starts workers by srun. They find their rank in the step's environment.
type srunStarter struct {
	allocation *slurm.Allocation
	env        []string
}

// Host is this machine's address on the way to the other nodes, which need not know its name, and the
// machine may have several. A job of this node alone stays inside it.
func (s *srunStarter) Host() string {
	own, err := os.Hostname()
	if err != nil {
		own = s.allocation.Job.Nodes[0]
	}
	short, _, _ := strings.Cut(own, ".")
	for _, node := range s.allocation.Job.Nodes {
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

func (s *srunStarter) Run(ctx context.Context, w workers) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	if s.allocation.Container != nil {
		program = container.Program
	}
	command := []string{program, "task"}
	if s.allocation.GPUsPerNode > 0 {
		command = append(command, "--gpus")
	}
	world := len(s.allocation.Job.Nodes) * s.allocation.RanksPerNode
	return s.allocation.RunRanks(ctx, slurm.Ranks{
		Command: append(append(command, "--"), w.Args...),
		Env:     s.env,
		Input:   w.Input,
		Stdout:  w.Stdout,
		Stderr:  w.Stderr,
		Grace:   w.Grace,
		Ended: func(end slurm.TaskEnd) {
			if end.Rank < world {
				w.Ended(end.Rank, &supervise.ExitError{Rank: end.Rank, Code: end.Code, Signal: end.Signal})
			}
		},
	})
}
