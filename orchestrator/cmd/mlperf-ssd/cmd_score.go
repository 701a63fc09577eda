// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/score"
)

func scoreCommand() *cli.Command {
	return &cli.Command{
		Name:      "score",
		Usage:     "score the logs of a submission: time to train, epochs, throughput, seeds, reference convergence",
		ArgsUsage: "DIR|LOG...",
		Description: "A folder is a set of runs: its result_*.txt, or a set for each folder below that has some.\n" +
			"Logs that are named are one set together. Of more than five runs those count that a submission takes:\n" +
			"by their start, the five in a row with the median score. Ends with 1 if something stands against a set.\n\n" +
			"Example: mlperf-ssd score results/toy",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "pruned", Usage: "take the reference points of later rounds (from 2022), and scale the score by them"},
			jsonFlag(),
		},
		Action: stoppable(runScore),
	}
}

func runScore(c *cli.Context) error {
	arguments, err := lateFlags(c)
	if err != nil {
		return err
	}
	if len(arguments) == 0 {
		return usageError(errors.New("score: name a folder of logs, or logs"))
	}
	groups, err := score.GroupOf(arguments)
	if err != nil {
		return err
	}
	sets := make([]score.Set, len(groups))
	bad := 0
	for i, group := range groups {
		runs, err := score.ReadAll(group.Logs, os.Stdin)
		if err != nil {
			return err
		}
		sets[i] = score.NewSet(group.Name, runs, score.Options{Pruned: c.Bool("pruned")})
		if len(sets[i].Problems) > 0 {
			bad++
		}
	}
	if err := printSets(c, sets); err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("score: something stands against %d of %d sets", bad, len(sets))
	}
	return nil
}

func printSets(c *cli.Context, sets []score.Set) error {
	if c.Bool("json") {
		return writeJSON(c.App.Writer, struct {
			Sets []score.Set `json:"sets"`
		}{sets})
	}
	var text strings.Builder
	if len(sets) == 1 {
		score.WriteSet(&text, sets[0])
	} else {
		score.WriteTable(&text, sets)
		score.WriteProblems(&text, sets)
	}
	_, err := io.WriteString(visibleWriter{c.App.Writer}, text.String())
	return err
}
