// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package submission

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"mlperf-ssd/orchestrator/internal/atomicfile"
	"mlperf-ssd/orchestrator/internal/regularfile"
	"mlperf-ssd/orchestrator/internal/score"
)

// Plan is what a submission is made of.
type Plan struct {
	Logs           string // folder of result_*.txt; of more than five those of score.Window are taken
	System         System
	Organisation   string // empty: the system's submitter
	Name           string // of the system's file and folders; empty: its system_name
	Implementation string // name of the code's folder
	Source         string // folder of code to copy; empty: none
	Config         string // TOML of the runs to copy; empty: none
	Pruned         bool   // check with the reference points of later rounds
	Force          bool   // write over what is there

	runs   []score.Run
	choice string // which they are, of more
}

// ErrRefused is that of a submission that does not pass its check; the report says why.
var ErrRefused = errors.New("the submission does not pass its check: nothing is written")

// Build makes out hold the submission, a folder of the organisation, after it has passed its check:
// whole or not at all. What is in out is replaced only by force. The paths of the report are those
// below out.
func Build(ctx context.Context, out string, plan Plan) (*Report, error) {
	if err := plan.complete(); err != nil {
		return nil, fmt.Errorf("submission: %w", err)
	}
	out = filepath.Clean(out)
	if err := vacant(out, plan.Force); err != nil {
		return nil, fmt.Errorf("submission: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return nil, fmt.Errorf("submission: %w", err)
	}
	work, done, err := workplace(out)
	if err != nil {
		return nil, fmt.Errorf("submission: %w", err)
	}
	defer done()
	if err := plan.write(ctx, filepath.Join(work, plan.Organisation)); err != nil {
		return nil, fmt.Errorf("submission: %w", err)
	}
	report, err := Check(work, plan.Pruned)
	if err != nil {
		return nil, err
	}
	report.rename(work, out)
	if plan.choice != "" {
		report.warn(plan.Logs, "holds more logs than a submission has: taken are %s", plan.choice)
	}
	if !report.Pass() {
		return report, fmt.Errorf("submission: %w", ErrRefused)
	}
	if err := replace(work, out); err != nil {
		return nil, fmt.Errorf("submission: %w", err)
	}
	return report, nil
}

// complete fills in what is empty and checks names and logs.
func (p *Plan) complete() error {
	if missing := p.System.Missing(); len(missing) > 0 {
		return fmt.Errorf("the system description lacks %d fields, the first is %s: `mlperf-ssd package describe` writes a whole one", len(missing), missing[0])
	}
	if p.Organisation == "" {
		p.Organisation = p.System["submitter"]
	}
	if p.Name == "" {
		p.Name = p.System["system_name"]
	}
	for _, name := range []struct{ flag, value string }{{"org", p.Organisation}, {"name", p.Name}, {"implementation", p.Implementation}} {
		if problem := wrongName(name.value); problem != "" {
			return fmt.Errorf("%s: choose another with --%s", problem, name.flag)
		}
	}
	logs, err := score.Logs(p.Logs)
	if err != nil {
		return err
	}
	if n := len(logs); n < score.OfficialRuns {
		return fmt.Errorf("%s holds %d logs result_*.txt, a submission has %d", p.Logs, n, score.OfficialRuns)
	}
	runs, err := score.ReadAll(logs, nil)
	if err != nil {
		return err
	}
	p.runs = score.Window(runs)
	p.choice = score.Choice(p.runs, len(runs))
	return nil
}

// write makes the tree of section 17.
func (p *Plan) write(ctx context.Context, organisation string) error {
	results := filepath.Join(organisation, "results", p.Name, benchmark)
	systems := filepath.Join(organisation, "systems")
	for _, folder := range []string{results, systems} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	for i, run := range p.runs {
		if err := copyFile(ctx, run.File, filepath.Join(results, "result_"+strconv.Itoa(i)+".txt")); err != nil {
			return err
		}
	}
	if err := p.System.WriteFile(filepath.Join(systems, p.Name+".json")); err != nil {
		return err
	}
	return p.writeCode(ctx, filepath.Join(organisation, "benchmarks", benchmark, "implementations"))
}

func copyFile(ctx context.Context, from, to string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	in, err := regularfile.Stream(from)
	if err != nil {
		return err
	}
	defer in.Close()
	return atomicfile.Write(to, func(out io.Writer) error {
		_, err := io.Copy(out, in)
		return err
	})
}
