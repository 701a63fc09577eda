// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/config"
)

func configCommand() *cli.Command {
	return &cli.Command{
		Name:  "config",
		Usage: "show, check and list configurations",
		Subcommands: []*cli.Command{
			{
				Name:        "show",
				Usage:       "print every value with where it came from, and what follows from them",
				Description: "Example: mlperf-ssd config show --config configs/toy.toml --set model.batch_size=16",
				Flags:       append(configFlags(), jsonFlag()),
				Action:      runConfigShow,
			},
			{
				Name:        "check",
				Usage:       "check files alone, without the shell's variables",
				ArgsUsage:   "FILE...",
				Description: "Example: mlperf-ssd config check configs/*.toml",
				Flags:       []cli.Flag{jsonFlag()},
				Action:      stoppable(runConfigCheck),
			},
			{
				Name:        "list",
				Usage:       "list the configurations of a folder",
				ArgsUsage:   "[DIR]",
				Description: "Example: mlperf-ssd config list configs",
				Flags:       []cli.Flag{jsonFlag()},
				Action:      runConfigList,
			},
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usageError(fmt.Errorf("config has no %q: show, check or list", c.Args().First()))
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

// derived is what a configuration comes to.
type derived struct {
	Ranks         int64   `json:"ranks"`
	GlobalBatch   int64   `json:"global_batch"`
	LearningRate  float64 `json:"learning_rate"` // lr0, scaled
	WarmupSteps   int64   `json:"warmup_steps"`
	StepsPerEpoch int64   `json:"steps_per_epoch"`
	BNSpan        int64   `json:"bn_span"`
}

func derive(c *config.Config) derived {
	epochs := c.Epochs()
	return derived{
		Ranks:         c.Ranks(),
		GlobalBatch:   c.Ranks() * c.Model.BatchSize,
		LearningRate:  epochs.ScaledRate(c.Optimizer.BaseLR),
		WarmupSteps:   epochs.WarmupSteps(c.Optimizer.WarmupEpochs),
		StepsPerEpoch: epochs.StepsPerEpoch(),
		BNSpan:        c.Model.BatchSize * c.Model.BNGroup,
	}
}

func runConfigShow(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	loaded, err := loadConfig(c)
	if err != nil {
		return err
	}
	d := derive(loaded)
	if c.Bool("json") {
		type value struct {
			Key    string `json:"key"`
			Value  any    `json:"value"`
			Origin string `json:"origin"`
		}
		values := []value{}
		for _, f := range loaded.Fields() {
			values = append(values, value(f))
		}
		return writeJSON(c.App.Writer, struct {
			Values  []value `json:"values"`
			Derived derived `json:"derived"`
		}{values, d})
	}
	table := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	for _, f := range loaded.Fields() {
		fmt.Fprintf(table, "%s\t%s\t%s\n", f.Key, f.Text(), f.Origin)
	}
	fmt.Fprintf(table, "\nranks\t%d\nglobal batch\t%d\nlearning rate, scaled\t%v\nwarm-up steps\t%d\nsteps an epoch\t%d\nBatchNorm span\t%d\n",
		d.Ranks, d.GlobalBatch, d.LearningRate, d.WarmupSteps, d.StepsPerEpoch, d.BNSpan)
	return table.Flush()
}

func runConfigCheck(c *cli.Context) error {
	if !c.Args().Present() {
		return usageError(errors.New("config check needs a file"))
	}
	type checked struct {
		File     string   `json:"file"`
		Problems []string `json:"problems"`
	}
	results := []checked{}
	bad := 0
	for _, file := range c.Args().Slice() {
		result := checked{file, []string{}}
		if _, err := config.Load(config.Source{File: file}); err != nil {
			bad++
			result.Problems = strings.Split(err.Error(), "\n")
		}
		results = append(results, result)
	}
	if c.Bool("json") {
		if err := writeJSON(c.App.Writer, results); err != nil {
			return err
		}
	} else {
		out := visibleWriter{c.App.Writer}
		for _, r := range results {
			if len(r.Problems) == 0 {
				fmt.Fprintf(out, "%s: fine\n", r.File)
			}
			for _, problem := range r.Problems {
				fmt.Fprintln(out, problem)
			}
		}
	}
	if bad > 0 {
		return fmt.Errorf("config: check: %d of %d files are wrong", bad, len(results))
	}
	return nil
}

func runConfigList(c *cli.Context) error {
	dir := "configs"
	if c.Args().Present() {
		dir = c.Args().First()
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.toml"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("config: list: no .toml file in %s: name another folder, `mlperf-ssd config list DIR`", dir)
	}
	type row struct {
		File      string `json:"file"`
		Platform  string `json:"platform"`
		Precision string `json:"precision"`
		Epochs    int64  `json:"epochs"`
		derived
	}
	rows := []row{}
	var wrong []error
	for _, file := range files {
		loaded, err := config.Load(config.Source{File: file})
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		rows = append(rows, row{file, loaded.Submission.Platform, loaded.Model.Precision, loaded.Run.Epochs, derive(loaded)})
	}
	if c.Bool("json") {
		return errors.Join(append(wrong, writeJSON(c.App.Writer, rows))...)
	}
	table := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FILE\tRANKS\tGLOBAL BATCH\tPRECISION\tEPOCHS\tLEARNING RATE\tPLATFORM")
	for _, r := range rows {
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%d\t%.6g\t%s\n", strings.Map(visible, r.File), r.Ranks, r.GlobalBatch, r.Precision, r.Epochs, r.LearningRate,
			strings.Map(visible, r.Platform))
	}
	return errors.Join(append(wrong, table.Flush())...)
}
