// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/rank"
)

// workerCommand is what launch starts, once a rank.
func workerCommand() *cli.Command {
	return &cli.Command{
		Name:  "worker",
		Usage: "one rank of a run, started by `launch`",
		Description: "Without --join or --credentials it is the only rank and reads its job on standard input.\n" +
			"With them it asks the launcher for it. Its place is that of the Slurm task, if it is one.\n" +
			"Example: srun --mpi=none mlperf-ssd worker --join node1:34567 --credentials run/credentials.json",
		Hidden: true,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "join", Usage: "`ADDRESS` of the launcher, host:port; several with commas"},
			&cli.StringFlag{Name: "credentials", Usage: "`FILE` that launch wrote, \"-\" for standard input (default: $" + rank.CredentialsVariable + ")"},
			&cli.IntFlag{Name: "rank", Usage: "of all (default: $SLURM_PROCID)"},
			&cli.IntFlag{Name: "local-rank", Usage: "on this node (default: $SLURM_LOCALID)"},
			&cli.IntFlag{Name: "node", Usage: "index of this node (default: $SLURM_NODEID)"},
			&cli.IntFlag{Name: "share", Value: 1, Usage: "ranks among which the processors seen are divided"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			given := func(name string) *int {
				if !c.IsSet(name) {
					return nil
				}
				value := c.Int(name)
				return &value
			}
			outliveReaders()
			return rank.Run(c.Context, rank.Options{
				Alone:       !c.IsSet("join") && !c.IsSet("credentials"),
				Join:        c.String("join"),
				Credentials: c.String("credentials"),
				Rank:        given("rank"),
				LocalRank:   given("local-rank"),
				Node:        given("node"),
				Share:       c.Int("share"),
				Version:     version,
				Stdin:       os.Stdin,
				Stdout:      os.Stdout,
				Logger:      newLogger(),
			})
		},
	}
}
