// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/score"
	systems "mlperf-ssd/orchestrator/internal/submission"
)

func packageCommand() *cli.Command {
	return &cli.Command{
		Name:        "package",
		Usage:       "build and check the folders of a submission",
		Subcommands: []*cli.Command{packageBuildCommand(), packageCheckCommand(), packageDescribeCommand()},
	}
}

func prunedFlag() cli.Flag {
	return &cli.BoolFlag{Name: "pruned", Usage: "take the reference points of later rounds (from 2022)"}
}

func packageBuildCommand() *cli.Command {
	return &cli.Command{
		Name:      "build",
		Usage:     "make a submission of five logs and a system description, if it passes its check",
		ArgsUsage: "LOGDIR OUT",
		Description: "Writes OUT/<org>/{benchmarks,results,systems}, all or nothing. Of more logs it takes those that score does.\n\n" +
			"Example: mlperf-ssd package describe --output system.toml\n" +
			"         mlperf-ssd package build results/dgxa100 submission --system system.toml",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "system", Usage: "system description, `FILE`.toml or .json"},
			&cli.StringFlag{Name: "org", Usage: "organisation (default: the submitter of the description)"},
			&cli.StringFlag{Name: "name", Usage: "of the system's folders (default: the system_name of the description)"},
			&cli.StringFlag{Name: "implementation", Value: "mlperf-ssd", Usage: "of the code's folder"},
			&cli.StringFlag{Name: "source", Usage: "copy the code of `DIR`"},
			&cli.StringFlag{Name: "config", Usage: "copy the configuration of the runs, `FILE`.toml"},
			&cli.BoolFlag{Name: "force", Usage: "replace what is in OUT"},
			prunedFlag(),
			jsonFlag(),
		},
		Action: runPackageBuild,
	}
}

func packageCheckCommand() *cli.Command {
	return &cli.Command{
		Name:      "check",
		Usage:     "check the submission of an organisation, or of each in a folder of them",
		ArgsUsage: "DIR",
		Description: "System descriptions, five logs of which one may fail, seeds, reference convergence, file names and sizes,\n" +
			"broken links. Ends with 1 if there are errors.\n\n" +
			"Example: mlperf-ssd package check submission",
		Flags:  []cli.Flag{prunedFlag(), jsonFlag()},
		Action: stoppable(runPackageCheck),
	}
}

func runPackageBuild(c *cli.Context) error {
	arguments, err := lateFlags(c)
	if err != nil {
		return err
	}
	if len(arguments) != 2 {
		return usageError(fmt.Errorf("package build takes a folder of logs and the folder to make, %d arguments given", len(arguments)))
	}
	if c.String("system") == "" {
		return usageError(errors.New("package build needs --system FILE: `mlperf-ssd package describe` writes one"))
	}
	system, err := systems.ReadSystem(c.String("system"))
	if err != nil {
		return err
	}
	report, err := systems.Build(c.Context, arguments[1], systems.Plan{
		Logs:           arguments[0],
		System:         system,
		Organisation:   c.String("org"),
		Name:           c.String("name"),
		Implementation: c.String("implementation"),
		Source:         c.String("source"),
		Config:         c.String("config"),
		Pruned:         c.Bool("pruned"),
		Force:          c.Bool("force"),
	})
	if report != nil {
		if printErr := printPackage(c, arguments[1], report); printErr != nil {
			return printErr
		}
	}
	return err
}

func runPackageCheck(c *cli.Context) error {
	folder, err := oneFolder(c)
	if err != nil {
		return err
	}
	report, err := systems.Check(folder, c.Bool("pruned"))
	if err != nil {
		return err
	}
	if err := printPackage(c, folder, report); err != nil {
		return err
	}
	if !report.Pass() {
		return fmt.Errorf("package check: %d errors", len(report.Errors))
	}
	return nil
}

func printPackage(c *cli.Context, dir string, report *systems.Report) error {
	if c.Bool("json") {
		return writeJSON(c.App.Writer, struct {
			Dir  string `json:"dir"`
			Pass bool   `json:"pass"`
			*systems.Report
		}{dir, report.Pass(), report})
	}
	var text strings.Builder
	if len(report.Sets) > 0 {
		score.WriteTable(&text, report.Sets)
	}
	for _, f := range report.Errors {
		fmt.Fprintf(&text, "%s: error: %s\n", f.Path, f.Problem)
	}
	for _, f := range report.Warnings {
		fmt.Fprintf(&text, "%s: warning: %s\n", f.Path, f.Problem)
	}
	verdict := "PASS"
	if !report.Pass() {
		verdict = "FAIL"
	}
	fmt.Fprintf(&text, "%s: %s\n", dir, verdict)
	_, err := io.WriteString(visibleWriter{c.App.Writer}, text.String())
	return err
}
