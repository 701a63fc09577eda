// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"mlperf-ssd/orchestrator/internal/atomicfile"
	"mlperf-ssd/orchestrator/internal/exit"
)

type status string

const (
	passed  status = "passed"
	failed  status = "failed"
	skipped status = "skipped"
)

// check is one question. Its answer is figures for the report; a skipError is no failure.
type check struct {
	name  string
	limit time.Duration
	ask   func(ctx context.Context) (any, error)
}

// skipError says why a check cannot be made here.
type skipError struct{ reason string }

func (e *skipError) Error() string { return e.reason }

// noGPUError says why no check can be made here.
type noGPUError struct{ reason string }

func (e *noGPUError) Error() string { return e.reason }

// result is what became of a check.
type result struct {
	Name    string  `json:"name"`
	Status  status  `json:"status"`
	Seconds float64 `json:"seconds"`
	Reason  string  `json:"reason,omitempty"`
	Figures any     `json:"figures,omitempty"`

	noGPU bool
}

// report is the JSON file.
type report struct {
	Time    time.Time `json:"time"`
	Host    string    `json:"host"`
	Passed  int       `json:"passed"`
	Failed  int       `json:"failed"`
	Skipped int       `json:"skipped"`
	Checks  []result  `json:"checks"`

	noGPU string // why
}

// deviceCheck is the first one: without it there is nothing to check.
const deviceCheck = "device"

// pick is the device's check and those of the names, or all.
func pick(checks []check, only []string) ([]check, error) {
	if len(only) == 0 {
		return checks, nil
	}
	var names []string
	for _, c := range checks {
		names = append(names, c.name)
	}
	for _, name := range only {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("--only is %q, must be of %s", name, strings.Join(names, ", "))
		}
	}
	return slices.DeleteFunc(checks, func(c check) bool { return c.name != deviceCheck && !slices.Contains(only, c.name) }), nil
}

// What the report says of a check that is still to come, or was under way, when the program was killed.
const (
	notReached = "not reached"
	underWay   = "was under way when gpucheck was killed"
)

// run makes the checks one after another until the end (zero: there is none), prints a line of each, and
// saves the report before and behind each.
func run(ctx context.Context, checks []check, end time.Time, w io.Writer, save func(*report) error) (*report, error) {
	host, _ := os.Hostname() // empty is fine
	r := &report{Time: time.Now().UTC(), Host: host}
	for _, c := range checks {
		r.Checks = append(r.Checks, result{Name: c.name, Status: skipped, Reason: notReached})
	}
	if err := save(r.count()); err != nil { // before it costs anything
		return r, err
	}
	for i, c := range checks {
		answer := &r.Checks[i]
		switch {
		case r.noGPU != "":
			answer.Reason = "there is no GPU to check it on"
			continue
		case !end.IsZero() && !time.Now().Before(end):
			answer.Reason = "the time of --within was over"
			fmt.Fprintln(w, answer)
			continue
		}
		*answer = result{Name: c.name, Status: failed, Reason: underWay}
		_ = save(r.count()) // the last one tells
		*answer = c.make(ctx, end)
		if answer.noGPU {
			r.noGPU = answer.Reason
		} else { // the verdict says that
			fmt.Fprintln(w, answer)
		}
	}
	return r, save(r.count())
}

// count sums up.
func (r *report) count() *report {
	r.Passed, r.Failed, r.Skipped = 0, 0, 0
	for _, answer := range r.Checks {
		switch answer.Status {
		case passed:
			r.Passed++
		case failed:
			r.Failed++
		case skipped:
			r.Skipped++
		}
	}
	return r
}

func (c check) make(ctx context.Context, end time.Time) result {
	start := time.Now()
	limit := c.limit
	if left := end.Sub(start); !end.IsZero() && left < limit {
		limit = left
	}
	limited, stop := context.WithTimeout(ctx, limit)
	defer stop()
	figures, err := c.ask(limited)
	if _, unwritable := json.Marshal(figures); unwritable != nil { // JSON has no NaN
		figures = fmt.Sprintf("%+v", figures)
	}
	answer := result{Name: c.name, Status: passed, Seconds: time.Since(start).Seconds(), Figures: figures}
	var skip *skipError
	var missing *noGPUError
	answer.noGPU = errors.As(err, &missing)
	switch {
	case err == nil:
	case errors.As(err, &skip):
		answer.Status, answer.Reason = skipped, skip.reason
	case ctx.Err() != nil:
		answer.Status, answer.Reason = failed, "interrupted"
	case limited.Err() != nil:
		answer.Status, answer.Reason = failed, fmt.Sprintf("did not end in %s", limit.Round(time.Millisecond))
	default:
		answer.Status, answer.Reason = failed, err.Error()
	}
	return answer
}

func (r result) String() string {
	text := fmt.Sprintf("%-8s %-10s %6.1f s", r.Status, r.Name, r.Seconds)
	if r.Reason != "" {
		text += "  " + r.Reason
	}
	return text
}

func (r *report) write(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}

// verdict says how it went, and keeps the work folder only of a failure.
func (r *report) verdict(w io.Writer, output, work string) error {
	if r.noGPU != "" {
		_ = os.RemoveAll(work) // empty
		return exit.With(exit.Failed, errors.New(r.noGPU))
	}
	fmt.Fprintf(w, "%d passed, %d failed, %d skipped: %s\n", r.Passed, r.Failed, r.Skipped, output)
	if r.Failed > 0 {
		return exit.With(exit.Failed, fmt.Errorf("%d of %d checks failed; their files are in %s", r.Failed, len(r.Checks), work))
	}
	return os.RemoveAll(work)
}

// output runs a program, stops it and all that it started when the context ends, and gives its standard
// output. An error has the last line that the program wrote.
func output(ctx context.Context, name string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, name, args...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = time.Second
	var out, err bytes.Buffer
	command.Stdout, command.Stderr = &out, &err
	if ended := command.Run(); ended != nil {
		said := lastLine(err.String())
		if said == "" {
			said = lastLine(out.String())
		}
		return out.Bytes(), &failure{ended, said}
	}
	return out.Bytes(), nil
}

// failure is how a program ended, and the last line that it wrote.
type failure struct {
	ended error
	said  string
}

func (f *failure) Error() string {
	if f.said == "" {
		return f.ended.Error()
	}
	return f.said + " (" + f.ended.Error() + ")"
}

// code is the exit code; -1 if there is none.
func (f *failure) code() int {
	var exited *exec.ExitError
	if errors.As(f.ended, &exited) {
		return exited.ExitCode()
	}
	return -1
}

// lastLine is what a program says, without its name before it.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimPrefix(strings.TrimPrefix(lines[len(lines)-1], "mlperf-ssd: "), "SKIPPED: ")
}

// decoded is the JSON that a verb prints.
func decoded[T any](ctx context.Context, program string, args ...string) (T, error) {
	var value T
	text, err := output(ctx, program, args...)
	if err != nil {
		return value, err
	}
	if err := json.Unmarshal(text, &value); err != nil {
		return value, fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	return value, nil
}
