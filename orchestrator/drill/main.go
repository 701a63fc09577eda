// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Command drill strikes runs of several ranks at random moments, and checks what is left: a rank or the
// launcher gets a signal; a node of a test cluster loses its network or its power. After each strike
// launch ends in time with the right exit code, no process stays on any node, every line of the log is
// whole and a run that began is closed, run.json names rank, node and cause, every checkpoint is whole.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"mlperf-ssd/orchestrator/internal/slurm/slurmtest"
)

const (
	program      = "mlperf-ssd"
	clusterNodes = 4
	ranksPerNode = 2
	toySamples   = 16
)

// drill is what all strikes share.
type drill struct {
	program, fake, real string
	toy                 string // data set
	cluster             *slurmtest.Cluster
	patience            time.Duration
}

func main() {
	app := &cli.App{
		Name:      "drill",
		Usage:     "strikes runs at random moments and checks what is left",
		UsageText: "go run ./orchestrator/drill --count 100 --seed 7",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "count", Value: 100, Usage: "strikes"},
			&cli.IntFlag{Name: "real", Value: 5, Usage: "of them on the real engine, `N` in a hundred"},
			&cli.IntFlag{Name: "cluster", Value: 30, Usage: "of them on the test cluster, `N` in a hundred"},
			&cli.StringFlag{Name: "only", Usage: "one `KIND` of strike: KILL, SEGV, TERM, STOP, INT, cut, fail"},
			&cli.Uint64Flag{Name: "seed", Usage: "of the choices (default: drawn, and printed)"},
			&cli.DurationFlag{Name: "patience", Value: 5 * time.Second, Usage: "more than its limits that a busy machine may take"},
			&cli.StringFlag{Name: "root", Value: ".", Usage: "`FOLDER` of the repository, after `make build`"},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON document, and the lines on standard error"},
		},
		Action:          action,
		HideHelpCommand: true,
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := app.RunContext(ctx, os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "drill:", err)
		os.Exit(1)
	}
}

func action(c *cli.Context) (err error) {
	root, err := filepath.Abs(c.String("root"))
	if err != nil {
		return err
	}
	d := &drill{
		program:  filepath.Join(root, "bin", program),
		fake:     filepath.Join(root, "build/engine/abi/libssd_engine_fake.so"),
		real:     filepath.Join(root, "lib/libssd_engine_cpu.so"),
		patience: c.Duration("patience"),
	}
	for _, file := range []string{d.program, d.fake, d.real} {
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("%w: run `make build`", err)
		}
	}
	report := report{Seed: c.Uint64("seed"), Patience: d.patience.Seconds()}
	if !c.IsSet("seed") {
		report.Seed = uint64(rand.Uint32())
	}
	lines := c.App.Writer
	if c.Bool("json") {
		lines = c.App.ErrWriter
	}
	fmt.Fprintf(lines, "drill: seed %d\n", report.Seed)
	tearDown, err := d.setUp(c, &report, lines)
	defer func() { err = errors.Join(err, tearDown()) }()
	if err != nil {
		return err
	}
	err = d.all(c.Context, mix{c.Int("count"), c.Int("real"), c.Int("cluster"), c.String("only")}, &report, lines)
	report.sum()
	if c.Bool("json") {
		encoder := json.NewEncoder(c.App.Writer)
		encoder.SetIndent("", "  ")
		err = errors.Join(err, encoder.Encode(report))
	} else {
		report.print(lines)
	}
	if err == nil && report.Wrong > 0 {
		err = fmt.Errorf("%d of %d strikes went wrong", report.Wrong, len(report.Strikes))
	}
	return err
}

// setUp draws a data set and starts the cluster; without one it says why.
func (d *drill) setUp(c *cli.Context, report *report, lines io.Writer) (tearDown func() error, err error) {
	dir, err := os.MkdirTemp("", "mlperf-ssd-drill-toy-")
	if err != nil {
		return func() error { return nil }, err
	}
	tearDown = func() error { return os.RemoveAll(dir) }
	d.toy = filepath.Join(dir, "data")
	if text, err := exec.CommandContext(c.Context, d.program, "prepare", "toy", d.toy, "--train", fmt.Sprint(toySamples), "--val", "4").CombinedOutput(); err != nil {
		return tearDown, fmt.Errorf("prepare toy: %w: %s", err, text)
	}
	if c.Int("cluster") == 0 {
		return tearDown, nil
	}
	d.cluster, err = slurmtest.Up(filepath.Dir(filepath.Dir(d.program)), 2*time.Hour)
	var unavailable *slurmtest.UnavailableError
	if errors.As(err, &unavailable) {
		report.NoCluster = unavailable.Text
		fmt.Fprintf(lines, "drill: no strikes on a cluster: %s\n", unavailable.Text)
		return tearDown, nil
	} else if err != nil {
		return tearDown, err
	}
	return func() error { return errors.Join(d.cluster.Down(), os.RemoveAll(dir)) }, nil
}

// mix is what is drawn from: how many, of them so many in a hundred in a place, and of one kind if not
// of all.
type mix struct {
	count, real, cluster int
	only                 string
}

func (d *drill) all(ctx context.Context, m mix, report *report, lines io.Writer) error {
	rng := rand.New(rand.NewPCG(report.Seed, 0))
	for number := range m.count {
		place := onFake
		switch p := rng.IntN(100); {
		case p < m.real:
			place = onReal
		case p < m.real+m.cluster && d.cluster != nil:
			place = onCluster
		}
		s, err := draw(rng, place, m.only)
		if err != nil {
			return err
		}
		res, err := d.do(ctx, number, s)
		if err != nil {
			return err
		}
		report.Strikes = append(report.Strikes, res)
		fmt.Fprintln(lines, res)
	}
	return nil
}

// settle waits until the cluster can take the next job.
func (d *drill) settle(ctx context.Context) error {
	if err := d.cluster.CancelAll(); err != nil {
		return fmt.Errorf("scancel: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	idle, err := 0, error(nil)
	if !await(ctx, func() bool { idle, err = d.cluster.Idle(); return idle == clusterNodes }) {
		return errors.Join(fmt.Errorf("only %d of %d nodes are idle again", idle, clusterNodes), err)
	}
	return nil
}
