// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package submission

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mlperf-ssd/orchestrator/internal/atomicfile"
	"mlperf-ssd/orchestrator/internal/compliance/logtest"
)

func machine() System {
	s := full()
	s["submitter"], s["division"], s["system_name"] = "Org", "closed", "Machine-1"
	return s
}

func writeLog(t *testing.T, path string, run logtest.Run) {
	t.Helper()
	if err := atomicfile.Write(path, func(w io.Writer) error { return logtest.Write(w, run) }); err != nil {
		t.Fatal(err)
	}
}

// logs makes a folder of five runs.
func logs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i := range 5 {
		writeLog(t, filepath.Join(dir, fmt.Sprintf("result_%d.txt", i)), logtest.Run{Minutes: 20 + i, Epochs: 50, Batch: 456, Seed: int64(i)})
	}
	return dir
}

func plan(t *testing.T) Plan {
	return Plan{Logs: logs(t), System: machine(), Implementation: "mlperf-ssd"}
}

func build(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	report, err := Build(context.Background(), out, plan(t))
	if err != nil || len(report.Errors)+len(report.Warnings) > 0 || len(report.Sets) != 1 || *report.Sets[0].Score != 22 {
		t.Fatalf("%+v %v", report, err)
	}
	return out
}

func TestBuild(t *testing.T) {
	out := build(t)
	for _, file := range []string{
		"results/Machine-1/ssd/result_0.txt", "results/Machine-1/ssd/result_4.txt", "systems/Machine-1.json",
		"benchmarks/ssd/implementations/mlperf-ssd/README.md", "benchmarks/ssd/implementations/Machine-1/run_and_time.sh",
	} {
		if !isFile(filepath.Join(out, "Org", file)) {
			t.Errorf("%s is missing", file)
		}
	}
	for _, dir := range []string{out, filepath.Join(out, "Org")} {
		if report, err := Check(dir, false); err != nil || !report.Pass() {
			t.Errorf("%s: %+v %v", dir, report, err)
		}
	}
	if report, err := Build(context.Background(), out, plan(t)); err == nil || report != nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("over what is there: %v", err)
	}
	forced := plan(t)
	forced.Force, forced.Organisation = true, "Other"
	if _, err := Build(context.Background(), out, forced); err != nil || isFolder(filepath.Join(out, "Org")) || !isFolder(filepath.Join(out, "Other")) {
		t.Errorf("forced: %v", err)
	}
	alone(t, out)
}

// alone wants nothing left beside a folder.
func alone(t *testing.T, out string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(out))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.Name() != filepath.Base(out) {
			t.Errorf("%s is left over", entry.Name())
		}
	}
}

func TestBuildTakesTheWindowOfMoreLogs(t *testing.T) {
	p, out := plan(t), filepath.Join(t.TempDir(), "submission")
	for i, minutes := range []int{40, 41} { // made before and after the five of the plan
		writeLog(t, filepath.Join(p.Logs, fmt.Sprintf("result_%d.txt", 5+i)), logtest.Run{Begin: 500*i - 200, Minutes: minutes, Epochs: 50, Batch: 456, Seed: int64(90 + i)})
	}
	report, err := Build(context.Background(), out, p)
	if err != nil || len(report.Warnings) == 0 || !strings.Contains(report.Warnings[len(report.Warnings)-1].Problem, "taken are result_") {
		t.Fatalf("%+v, %v", report, err)
	}
	for i, taken := range []int{5, 0, 1, 2, 3} { // 22, 22 and 23 minutes: the earlier of two equal ones
		want, err := os.ReadFile(filepath.Join(p.Logs, fmt.Sprintf("result_%d.txt", taken)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(out, "Org", "results", "Machine-1", "ssd", fmt.Sprintf("result_%d.txt", i)))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("log %d is not that of the window (%v)", i, err)
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	stopped, stop := context.WithCancel(context.Background())
	stop()
	source := t.TempDir()
	if err := os.Symlink("/etc/passwd", filepath.Join(source, "link")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		change func(*Plan)
		ctx    context.Context
		want   string
	}{
		{"four logs", func(p *Plan) { _ = os.Remove(filepath.Join(p.Logs, "result_2.txt")) }, nil, "holds 4 logs"},
		{"a field less", func(p *Plan) { delete(p.System, "cooling") }, nil, "the first is cooling"},
		{"a space", func(p *Plan) { p.System["system_name"] = "Machine 1" }, nil, "--name"},
		{"a slash", func(p *Plan) { p.Organisation = "../x" }, nil, "--org"},
		{"no implementation", func(p *Plan) { p.Implementation = "" }, nil, "--implementation"},
		{"a link in the source", func(p *Plan) { p.Source = source }, nil, "neither file nor folder"},
		{"no configuration", func(p *Plan) { p.Config = "none.toml" }, nil, "none.toml"},
		{"stopped", func(*Plan) {}, stopped, "canceled"},
		{"two wrong logs", func(p *Plan) {
			for _, name := range []string{"result_1.txt", "result_3.txt"} {
				writeLog(t, filepath.Join(p.Logs, name), logtest.Run{Minutes: 9, Epochs: 50, Batch: 456, Seed: 9, Aborted: true})
			}
		}, nil, ErrRefused.Error()},
	} {
		p := plan(t)
		test.change(&p)
		if test.ctx == nil {
			test.ctx = context.Background()
		}
		out := filepath.Join(t.TempDir(), "out")
		report, err := Build(test.ctx, out, p)
		if err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, ErrRefused) != (report != nil) {
			t.Errorf("%s: %v", test.name, err)
		}
		if isFolder(out) {
			t.Errorf("%s: something is written", test.name)
		}
		alone(t, out)
	}
}

func TestBuildCopiesTheSource(t *testing.T) {
	source := t.TempDir()
	for name, text := range map[string]string{"README.md": "mine", "src/a.go": "package a", ".git/config": "x"} {
		path := filepath.Join(source, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	p := plan(t)
	p.Source, p.Config = source, filepath.Join(source, "README.md")
	out := filepath.Join(t.TempDir(), "out")
	if _, err := Build(context.Background(), out, p); err != nil {
		t.Fatal(err)
	}
	code := filepath.Join(out, "Org", "benchmarks", "ssd", "implementations")
	text, err := os.ReadFile(filepath.Join(code, "mlperf-ssd", "README.md"))
	if err != nil || string(text) != "mine" || !isFile(filepath.Join(code, "mlperf-ssd", "src", "a.go")) || !isFile(filepath.Join(code, "Machine-1", "run.toml")) {
		t.Errorf("%q %v", text, err)
	}
	if isFolder(filepath.Join(code, "mlperf-ssd", ".git")) {
		t.Error("a hidden folder is copied")
	}
	if _, err := Build(context.Background(), filepath.Join(source, "out"), p); err == nil || !strings.Contains(err.Error(), "holds the folder to be made") {
		t.Error(err)
	}
}
