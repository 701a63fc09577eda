// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Command mlperf-ssd trains and scores SSD300-ResNet34 by the rules of MLPerf Training v1.1. Each verb
// has a file cmd_<verb>.go; what they share lives in orchestrator/internal.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/exit"
)

// version is set by the linker.
var version = "unknown"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), append(exit.Demands(), os.Interrupt)...)
	err := newApp().RunContext(ctx, os.Args)
	interrupted := ctx.Err() != nil
	stop()
	os.Exit(report(err, interrupted))
}

func newApp() *cli.App {
	app := &cli.App{
		Name:    "mlperf-ssd",
		Usage:   "MLPerf Training v1.1 SSD: train, score, log",
		Version: version,
		Commands: []*cli.Command{
			launchCommand(),
			workerCommand(),
			taskCommand(),
			bindCommand(),
			nodesCommand(),
			gpusCommand(),
			configCommand(),
			prepareCommand(),
			checkCommand(),
			scoreCommand(),
			packageCommand(),
			stepCommand(),
			sampleCommand(),
			benchCommand(),
			evalCommand(),
			manCommand(),
			completionCommand(),
			versionCommand(),
		},
		EnableBashCompletion: true,
		// A list in --set has commas of its own.
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {}, // report decides
		OnUsageError: func(_ *cli.Context, err error, _ bool) error {
			return usageError(err)
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return unknownCommand(c.Args().First(), c.App.Commands, c.App.Name)
			}
			return cli.ShowAppHelp(c)
		},
	}
	markUsageErrors(app.Commands)
	return app
}

// report prints the error once and gives the exit code. What fails after an interruption is for it.
func report(err error, interrupted bool) int {
	if err == nil {
		return exit.OK
	}
	var coded *exit.Error
	var coder cli.ExitCoder
	code := exit.Failed
	switch {
	case errors.As(err, &coded):
		code = coded.Code
	case interrupted, errors.Is(err, context.Canceled):
		code = exit.Interrupted
	case errors.As(err, new(*exec.ExitError)): // also a coder, but of another program
	case errors.As(err, &coder): // the library found no help on a topic
		code = exit.WrongUse
	}
	if text := strings.ReplaceAll(err.Error(), context.Canceled.Error(), "interrupted"); text != "" {
		fmt.Fprintln(os.Stderr, "mlperf-ssd: "+readable(text))
	}
	return code
}
