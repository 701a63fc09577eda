// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/binding"
	"mlperf-ssd/orchestrator/internal/config"
	"mlperf-ssd/orchestrator/internal/discover"
	"mlperf-ssd/orchestrator/internal/machine"
)

func nodesCommand() *cli.Command {
	return &cli.Command{
		Name:  "nodes",
		Usage: "show this host's processors, memory, GPUs and networks, and how ranks would be bound to them",
		Description: "Examples:\n" +
			"   mlperf-ssd nodes\n" +
			"   mlperf-ssd nodes --ranks 4 --cpu exclusive --network single\n" +
			"   srun --ntasks-per-node=1 mlperf-ssd nodes --json\n\n" +
			"What was not found, and why, stands at the end; it is not a failure of this verb.",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "ranks", Usage: "ranks to plan for (0 = one a GPU, or one)"},
			&cli.StringFlag{Name: "device", Value: "auto", Usage: "auto, cpu or cuda"},
			&cli.StringFlag{Name: "cpu", Value: binding.Node, Usage: "processors of a rank: node or near (its GPU), exclusive or near,exclusive and either with ,nosmt, off, or a file with a list a line"},
			&cli.StringFlag{Name: "memory", Value: binding.Node, Usage: "memory of a rank: node, off, or a file with a list a line"},
			&cli.StringFlag{Name: "network", Value: binding.Off, Usage: "network device of a rank: off, single or near"},
			sysrootFlag(),
			jsonFlag(),
		},
		Action: runNodes,
	}
}

// sysrootFlag makes another machine's files, with its answer of the verb gpus in gpus.json, stand for
// this one's.
func sysrootFlag() cli.Flag {
	return &cli.StringFlag{Name: "sysroot", Hidden: true, EnvVars: []string{"MLPERF_SSD_SYSROOT"},
		Usage: "folder with the sys, proc and etc of the host to show, and gpus.json"}
}

// gpusCommand is the process that loads NVML, for discover.Probe.
func gpusCommand() *cli.Command {
	return &cli.Command{
		Name:   discover.Verb,
		Usage:  "ask NVML for the GPUs",
		Hidden: true,
		Action: func(c *cli.Context) error { return writeJSON(c.App.Writer, discover.AskNVML()) },
	}
}

// nodesReport is the JSON of `nodes`.
type nodesReport struct {
	*discover.Inventory
	Plan binding.Layout `json:"plan"`
}

func runNodes(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	if err := within("ranks", c.Int("ranks"), 0, config.MaxRanksPerNode); err != nil {
		return err
	}
	host := discover.Here(c.Context, c.String("sysroot"))
	options := binding.Options{CPU: c.String("cpu"), Memory: c.String("memory"), Network: c.String("network")}
	switch device := c.String("device"); device {
	case "auto":
		options.GPUs = len(host.GPUs) > 0
	case "cuda":
		if len(host.GPUs) == 0 {
			return fmt.Errorf("nodes: no GPU: %s", host.Driver.Missing)
		}
		options.GPUs = true
	case "cpu":
	default:
		return usageError(fmt.Errorf("--device is %q, must be auto, cpu or cuda", device))
	}
	ranks := c.Int("ranks")
	if ranks == 0 && options.GPUs {
		ranks = len(host.GPUs)
	} else if ranks == 0 {
		ranks = 1
	}
	plan, err := binding.Plan(host, ranks, options)
	if err != nil {
		return usageError(fmt.Errorf("nodes: %w", err))
	}
	if c.Bool("json") {
		return writeJSON(c.App.Writer, nodesReport{host, plan})
	}
	return machine.Print(c.App.Writer, host, plan)
}
