// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/config"
)

// configFlags name a configuration.
func configFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", Usage: "TOML `FILE`"},
		&cli.StringSliceFlag{Name: "set", Usage: "override: `section.key=value`"},
	}
}

// loadConfig makes it of the file, the shell's variables, --set and --nproc.
func loadConfig(c *cli.Context) (*config.Config, error) {
	sets := c.StringSlice("set")
	if c.IsSet("nproc") {
		if err := within("nproc", c.Int("nproc"), 1, config.MaxRanksPerNode); err != nil {
			return nil, err
		}
		sets = append(sets, "cluster.nodes=1", fmt.Sprintf("cluster.gpus_per_node=%d", c.Int("nproc")))
	}
	return unlessStopped(c.Context, func() (*config.Config, error) {
		loaded, err := config.Load(config.Source{File: c.String("config"), LookupEnv: os.LookupEnv, Sets: sets})
		if err != nil {
			return nil, usageError(err)
		}
		return loaded, nil
	})
}
