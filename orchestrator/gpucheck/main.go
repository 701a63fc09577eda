// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Command gpucheck proves the CUDA engine on a card: the op suites, a step beside the CPU's, toy training
// to the target, sums between GPUs, and the speed of a step beside the roofline. One failure does not end
// the rest, every check has a time limit, and all of it goes into one JSON file, which is written anew
// behind each check: it is whole even where this program is killed. It needs neither network nor compiler:
// docs/gpu-check.md says what to carry to the machine.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/exit"
)

// files is what is checked and what it needs.
type files struct {
	program string // mlperf-ssd
	cuda    string // its engine with CUDA
	cpu     string // the engine for CPUs, the oracle of a step
	tests   string // the build folder with the test programs
	toy     string // configuration of the toy training
	work    string // a folder that is kept where a check failed
}

func main() {
	app := &cli.App{
		Name:      "gpucheck",
		Usage:     "proves the CUDA engine on a card",
		UsageText: "bin/gpucheck --output results/gpu-check.json",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "root", Usage: "`FOLDER` with bin, lib, configs and the build (default: where this program's bin is)"},
			&cli.StringFlag{Name: "build", Value: "build/engine-cuda", Usage: "`FOLDER` of the engine's test programs, below the root"},
			&cli.StringFlag{Name: "libraries", Value: ".deps/cuda", Usage: "`FOLDER` of CUDA's libraries, of scripts/fetch-cuda or Python's package nvidia, below the root (those of LD_LIBRARY_PATH come first)"},
			&cli.StringFlag{Name: "output", Value: "results/gpu-check.json", Usage: "JSON `FILE`"},
			&cli.StringSliceFlag{Name: "only", Usage: "these `CHECKS`, with the device's: names with commas between them"},
			&cli.DurationFlag{Name: "within", Usage: "all in this `TIME`, such as 9m: what does not begin or end in it is told (default: the limits of the checks)"},
		},
		Action:          action,
		HideHelpCommand: true,
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := app.RunContext(ctx, os.Args)
	stop()
	if err != nil && err.Error() != "" {
		fmt.Fprintln(os.Stderr, "gpucheck: "+err.Error())
	}
	os.Exit(exit.CodeOf(err))
}

func action(c *cli.Context) error {
	if c.Args().Present() {
		return exit.Usage(fmt.Errorf("%q is no argument: see --help", c.Args().First()))
	}
	root, err := rootOf(c.String("root"))
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "gpucheck-*")
	if err != nil {
		return err
	}
	f := files{
		program: filepath.Join(root, "bin/mlperf-ssd"),
		cuda:    filepath.Join(root, "lib/libssd_engine_cuda.so"),
		cpu:     filepath.Join(root, "lib/libssd_engine_cpu.so"),
		tests:   below(root, c.String("build")),
		toy:     filepath.Join(root, "configs/toy.toml"),
		work:    work,
	}
	for _, file := range []string{f.program, f.cuda, f.cpu, f.tests, f.toy} {
		if _, err := os.Stat(file); err != nil {
			return exit.Usage(fmt.Errorf("%w: run `make gpu-check` where it can be built, or carry it here", err))
		}
	}
	findLibraries(filepath.Join(root, "lib"), below(root, c.String("libraries")))
	checks, err := pick(f.checks(), c.StringSlice("only"))
	if err != nil {
		return exit.Usage(err)
	}
	within := c.Duration("within")
	if within < 0 || c.IsSet("within") && within == 0 {
		return exit.Usage(fmt.Errorf("--within is %s, must be above 0", within))
	}
	report, err := run(c.Context, checks, deadline(within), c.App.Writer, func(r *report) error { return r.write(c.String("output")) })
	if err != nil {
		return err
	}
	return report.verdict(c.App.Writer, c.String("output"), work)
}

// deadline is when a time from now on is over; without one never.
func deadline(within time.Duration) time.Time {
	if within == 0 {
		return time.Time{}
	}
	return time.Now().Add(within)
}

// rootOf is a folder, or if it is empty the one of this program's own bin.
func rootOf(folder string) (string, error) {
	if folder != "" {
		return filepath.Abs(folder)
	}
	self, err := os.Executable()
	return filepath.Dir(filepath.Dir(self)), err
}

// below is a path that is meant from the root on, unless it has a root of its own.
func below(root, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(root, path)
}

// findLibraries lets the programs find those that were carried here, and CUDA's below a folder, after those
// that are set. scripts/fetch-cuda has them in toolkit, Python's package nvidia in cu13.
func findLibraries(carried, cuda string) {
	folders := []string{carried}
	for _, name := range []string{"toolkit/lib64", "cu13/lib", "cudnn/lib", "nccl/lib"} {
		folders = append(folders, filepath.Join(cuda, name))
	}
	if set := os.Getenv("LD_LIBRARY_PATH"); set != "" {
		folders = append([]string{set}, folders...)
	}
	_ = os.Setenv("LD_LIBRARY_PATH", strings.Join(folders, ":")) // the name is valid
}
