// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
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
			&cli.IntFlag{Name: "ranks", Value: 8},
			&cli.IntFlag{Name: "bytes", Value: 64, Usage: "address of a rank"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if n := c.Int("ranks"); n < 1 || n > 1<<16 {
				return usageError(fmt.Errorf("--ranks is %d, must be 1 to %d", n, 1<<16))
			}
			if n := c.Int("bytes"); n < 0 || n > 1<<20 {
				return usageError(fmt.Errorf("--bytes is %d, must be 0 to %d", n, 1<<20))
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
