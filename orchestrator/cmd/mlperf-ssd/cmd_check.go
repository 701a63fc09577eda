// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/compliance"
)

func checkCommand() *cli.Command {
	return &cli.Command{
		Name:      "check",
		Usage:     "check MLPerf logs against the rules of training 1.1.0, SSD",
		ArgsUsage: "LOG... (- is standard input)",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "smoke", Usage: "pass logs of short runs: the target need not be reached nor caches be dropped"},
			jsonFlag(),
		},
		Action: runCheck,
	}
}

// checkedLog is the JSON of one log.
type checkedLog struct {
	File     string               `json:"file"`
	Pass     bool                 `json:"pass"`
	Findings []compliance.Finding `json:"findings"`
}

func runCheck(c *cli.Context) error {
	if !c.Args().Present() {
		return usageError(errors.New("check: name at least one log"))
	}
	// What a short run cannot have, and what a machine may not let it do.
	smokeMayLack := []string{"eval_accuracy", "cache_clear"}
	failed := 0
	var logs []checkedLog
	for _, file := range c.Args().Slice() {
		report, err := checkFile(file)
		if err != nil {
			return err
		}
		log := checkedLog{File: file, Pass: true, Findings: report.Findings}
		for _, finding := range report.Errors() {
			if !c.Bool("smoke") || !slices.Contains(smokeMayLack, finding.Key) {
				log.Pass = false
			}
		}
		if !log.Pass {
			failed++
		}
		logs = append(logs, log)
		if !c.Bool("json") {
			log.print(c.App.Writer)
		}
	}
	if c.Bool("json") {
		if err := writeJSON(c.App.Writer, logs); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("check: %d of %d logs fail", failed, len(logs))
	}
	return nil
}

func checkFile(file string) (compliance.Report, error) {
	var in io.Reader = os.Stdin
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return compliance.Report{}, err
		}
		defer opened.Close()
		in = opened
	}
	return compliance.Check(in)
}

func (l checkedLog) print(w io.Writer) {
	for _, f := range l.Findings {
		level := "error"
		if f.Warning {
			level = "warning"
		}
		place := l.File
		if f.Line > 0 {
			place = fmt.Sprintf("%s:%d", l.File, f.Line)
		}
		fmt.Fprintf(w, "%s: %s: %s\n", place, level, f)
	}
	verdict := "PASS"
	if !l.Pass {
		verdict = "FAIL"
	}
	fmt.Fprintf(w, "%s: %s\n", l.File, verdict)
}
