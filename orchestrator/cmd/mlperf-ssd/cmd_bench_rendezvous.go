// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/rendezvous"
)

func benchRendezvous() *cli.Command {
	return &cli.Command{
		Name:        "rendezvous",
		Usage:       "how fast ranks meet: launcher and workers in one process, each over its own connection",
		Description: "Example: mlperf-ssd bench rendezvous --ranks 1024",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "ranks", Value: 8, Usage: "that meet"},
			&cli.IntFlag{Name: "bytes", Value: 64, Usage: "of a rank's address"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if err := errors.Join(within("ranks", c.Int("ranks"), 1, 1<<16), within("bytes", c.Int("bytes"), 0, 1<<20)); err != nil {
				return err
			}
			const most = 512 << 20 // all in this process
			if all := c.Int("ranks") * c.Int("ranks") * c.Int("bytes"); all > most {
				return usageError(fmt.Errorf("--ranks and --bytes: each rank gets the addresses of all, %d MB together, must be at most %d", all>>20, most>>20))
			}
			r, err := rendezvous.Measure(c.Context, c.Int("ranks"), c.Int("bytes"))
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return writeJSON(c.App.Writer, r)
			}
			_, err = fmt.Fprintf(c.App.Writer, "%d ranks met in %.3f s (%.3f s of processors) and left in %.3f s; a barrier takes %.2f ms; peak memory %.0f MB\n",
				r.Ranks, r.MeetSeconds, r.MeetCPUSeconds, r.LeaveSeconds, r.BarrierMs, float64(r.PeakMemoryBytes)/1e6)
			return err
		},
	}
}
