// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/compliance"
	"mlperf-ssd/orchestrator/internal/score"
)

func checkCommand() *cli.Command {
	return &cli.Command{
		Name:      "check",
		Usage:     "check MLPerf logs against the rules of training 1.1.0, SSD",
		ArgsUsage: "DIR|LOG... (- is standard input)",
		Description: "Ends with 1 if a log has errors; warnings do not matter. A log may hold any other text; a folder\n" +
			"stands for its result_*.txt.\n\n" +
			"Example: mlperf-ssd check --strict results/toy/result_0.txt",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "smoke", Usage: "pass logs of short runs: the target need not be reached nor caches be dropped"},
			&cli.BoolFlag{Name: "strict", Usage: "warn of what the official checker does not test: status, clock, order of epochs, both decay boundaries, event types"},
			jsonFlag(),
		},
		Action: stoppable(runCheck),
	}
}

// checkedLog is the JSON of one log.
type checkedLog struct {
	File     string         `json:"file"`
	Pass     bool           `json:"pass"`
	Errors   []checkFinding `json:"errors"`
	Warnings []checkFinding `json:"warnings"`
}

type checkFinding struct {
	File string `json:"file"`
	compliance.Finding
}

func runCheck(c *cli.Context) error {
	files, err := lateFlags(c)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return usageError(errors.New("check: name at least one log, or a folder of logs"))
	}
	if files, err = logsOf(files); err != nil {
		return err
	}
	if n := len(slices.DeleteFunc(slices.Clone(files), func(f string) bool { return f != compliance.Stdin })); n > 1 {
		return usageError(errors.New("check: standard input stands twice"))
	}
	logs := make([]checkedLog, len(files))
	errs := compliance.Files(files, os.Stdin, func(i int, log io.Reader) error {
		checker := compliance.New()
		if c.Bool("strict") {
			checker.Strict()
		}
		if err := compliance.Scan(log, checker.Line); err != nil {
			return err
		}
		logs[i] = newCheckedLog(files[i], checker.Report(), c.Bool("smoke"))
		return nil
	})
	for i, err := range errs {
		if err != nil {
			unread := compliance.Report{Findings: []compliance.Finding{{Problem: err.Error()}}}
			logs[i] = newCheckedLog(files[i], unread, false)
		}
	}
	if err := printChecked(c, logs); err != nil {
		return err
	}
	if failed := slices.DeleteFunc(slices.Clone(logs), func(l checkedLog) bool { return l.Pass }); len(failed) > 0 {
		return fmt.Errorf("check: %d of %d logs fail", len(failed), len(logs))
	}
	return nil
}

// logsOf puts the result_*.txt of a folder in its place.
func logsOf(names []string) ([]string, error) {
	var logs []string
	for _, name := range names {
		if info, err := os.Stat(name); err != nil || !info.IsDir() {
			logs = append(logs, name)
			continue
		}
		below, err := score.Logs(name)
		if err != nil {
			return nil, fmt.Errorf("check: %w", err)
		}
		if len(below) == 0 {
			return nil, fmt.Errorf("check: %s: no result_*.txt here: name the logs", name)
		}
		logs = append(logs, below...)
	}
	return logs, nil
}

func newCheckedLog(file string, report compliance.Report, smoke bool) checkedLog {
	// What a short run cannot have, and what a machine may not let it do.
	smokeMayLack := []string{"eval_accuracy", "cache_clear"}
	log := checkedLog{File: file, Pass: true, Errors: []checkFinding{}, Warnings: []checkFinding{}}
	for _, f := range report.Findings {
		if f.Warning {
			log.Warnings = append(log.Warnings, checkFinding{file, f})
			continue
		}
		if smoke && slices.Contains(smokeMayLack, f.Key) {
			f.Problem += " (which --smoke lets pass)"
			log.Warnings = append(log.Warnings, checkFinding{file, f})
			continue
		}
		log.Errors, log.Pass = append(log.Errors, checkFinding{file, f}), false
	}
	return log
}

func printChecked(c *cli.Context, logs []checkedLog) error {
	if c.Bool("json") {
		return writeJSON(c.App.Writer, logs)
	}
	buffered := bufio.NewWriter(c.App.Writer)
	out := visibleWriter{buffered}
	for _, log := range logs {
		for _, f := range log.Errors {
			f.print(out, "error")
		}
		for _, f := range log.Warnings {
			f.print(out, "warning")
		}
		verdict := "PASS"
		if !log.Pass {
			verdict = "FAIL"
		}
		fmt.Fprintf(out, "%s: %s\n", log.File, verdict)
	}
	return buffered.Flush()
}

func (f checkFinding) print(w io.Writer, level string) {
	place := f.File
	if f.Line > 0 {
		place = fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	fmt.Fprintf(w, "%s: %s: %s\n", place, level, f)
}
