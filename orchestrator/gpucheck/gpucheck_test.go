// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mlperf-ssd/orchestrator/internal/exit"
	"mlperf-ssd/orchestrator/internal/roofline"
	"mlperf-ssd/orchestrator/internal/ssdnames"
	"mlperf-ssd/orchestrator/internal/tensorfile"
)

// program plays the verbs of mlperf-ssd on a machine with a GPU.
const program = `#!/bin/sh
for word; do case $word in
  --engine=*) engine=$(basename "${word#*=}" .so) ;;
  --output=*) to=${word#*=} ;;
  --set=run.log_dir=*) logs=$(echo "${word#*=*=}" | tr -d '"') ;;
esac; done
here=$(dirname "$0")
case "$1 $2" in
  "bench infer") echo '{"backend": "cuda: NVIDIA H100 80GB HBM3, 81000 MB, CUDA 13.0"}' ;;
  "bench train") rate=1000; case "$*" in *--fusions=false*) rate=900 ;; esac
    echo '{"images_per_second": '$rate', "step_ms": {"median": 114}, "ops": [{"kind": "conv forward", "ms": 2, "calls": 1}, {"kind": "upload", "ms": 1, "calls": 1}], "backend": "cuda: NVIDIA H100 80GB HBM3, 81000 MB, CUDA 13.0"}' ;;
  "bench input") decoder=nvjpeg; case "$*" in *--decoder=host*) decoder=host ;; esac
    echo '{"images_per_second": 3000, "cpu_ms_per_image": 0.5, "input": {"renderer": "device", "decoder": "'$decoder'"}}' ;;
  "bench roofline") echo '{"batch": 114, "layers": [{"name": "c", "kind": "conv", "pass": "forward", "gflop": 8.679, "mb_unfused": 1}]}' ;;
  "bench allreduce") echo '{"ranks": 1}' ;;
  "version --json") echo '{"program": "v"}' ;;
  "step "*) cp "$here/$engine.safetensors" "$to" ;;
  "prepare toy") ;;
  "launch "*) mkdir -p "$logs"; echo '{"exit_code": 0}' >"$logs/run.json" ;;
  "check "*) ;;
  *) echo "unexpected: $*" >&2; exit 2 ;;
esac
`

// suiteOf plays a GoogleTest program.
func suiteOf(tests string, code string) string {
	return "#!/bin/sh\n[ \"$1\" = --gtest_list_tests ] && [ " + code + " != 77 ] && exit 0\nfor word; do case $word in --gtest_output=json:*) echo '" + tests + "' >\"${word#*:}\" ;; esac; done\necho said last\nexit " + code + "\n"
}

const twoTests = `{"tests": 2, "testsuites": [{"name": "Conv", "testsuite": [{"name": "A", "result": "COMPLETED"}, {"name": "B", "result": "SKIPPED"}]}]}`

// fake is a machine where every check passes.
func fake(t *testing.T) files {
	t.Helper()
	root := t.TempDir()
	f := files{
		program: filepath.Join(root, "bin/mlperf-ssd"),
		cuda:    filepath.Join(root, "lib/libssd_engine_cuda.so"),
		cpu:     filepath.Join(root, "lib/libssd_engine_cpu.so"),
		tests:   filepath.Join(root, "build"),
		toy:     filepath.Join(root, "toy.toml"),
		work:    filepath.Join(root, "work"),
	}
	put(t, f.program, program)
	t.Setenv("CUDA_VISIBLE_DEVICES", "") // the same wherever it runs
	for _, name := range []string{"testing/card/cuda_suite_test", "testing/card/cuda_kernels_test", "testing/card/cuda_training_test",
		"testing/card/cuda_jpeg_test", "testing/card/nccl_sums_test", "comm/nccl_test"} {
		put(t, filepath.Join(f.tests, name), suiteOf(twoTests, "0"))
	}
	if err := os.Mkdir(f.work, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, engine := range []string{"libssd_engine_cpu", "libssd_engine_cuda"} {
		putStep(t, filepath.Join(root, "bin", engine+".safetensors"), func(string, []float32) {})
	}
	return f
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// putStep writes what a step writes, with small tensors.
func putStep(t *testing.T, path string, change func(name string, values []float32)) {
	t.Helper()
	names := []string{"loss", "scores", "offsets"}
	for _, name := range ssdnames.Tensors() {
		names = append(names, "grad."+name)
	}
	var items []tensorfile.Item
	for _, name := range names {
		values := []float32{3, 4}
		change(name, values)
		items = append(items, tensorfile.FromFloat32s(name, []int64{2}, values))
	}
	if err := tensorfile.Write(path, items, nil); err != nil {
		t.Fatal(err)
	}
}

func runAll(t *testing.T, f files) (*report, string) {
	t.Helper()
	return runChecks(t, t.Context(), f.checks(), time.Time{})
}

func runChecks(t *testing.T, ctx context.Context, checks []check, end time.Time) (*report, string) {
	t.Helper()
	var lines bytes.Buffer
	r, err := run(ctx, checks, end, &lines, func(*report) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return r, lines.String()
}

func (r *report) of(name string) result {
	for _, c := range r.Checks {
		if c.Name == name {
			return c
		}
	}
	return result{}
}

func TestAllPass(t *testing.T) {
	f := fake(t)
	r, lines := runAll(t, f)
	if r.Passed != 12 || r.Failed != 0 || r.Skipped != 1 {
		t.Fatalf("%d passed, %d failed, %d skipped:\n%s", r.Passed, r.Failed, r.Skipped, lines)
	}
	if got := r.of("ranks"); got.Status != skipped || got.Reason != "0 GPU, two ranks need two" {
		t.Errorf("ranks: %v", got)
	}
	output := filepath.Join(t.TempDir(), "made/gpu-check.json")
	if err := r.write(output); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Passed int
		Checks []struct {
			Name    string
			Figures map[string]any
		}
	}
	if err := json.Unmarshal(text, &read); err != nil || read.Passed != 12 || len(read.Checks) != 13 {
		t.Fatalf("%v: %s", err, text)
	}
	figures := map[string]map[string]any{}
	for _, c := range read.Checks {
		figures[c.Name] = c.Figures
	}
	if got := figures["ops"]; got["tests"] != 2.0 || len(got["skipped"].([]any)) != 1 {
		t.Errorf("ops: %v", got)
	}
	var inputs []string
	for _, of := range figures["input"]["runs"].([]any) {
		of := of.(map[string]any)
		inputs = append(inputs, fmt.Sprint(of["split"], of["images_per_second"], of["input"].(map[string]any)["decoder"]))
	}
	if want := []string{"train3000nvjpeg", "train3000host", "val3000nvjpeg", "val3000host"}; !slices.Equal(inputs, want) {
		t.Errorf("input: %v", inputs)
	}
	// 8.679 Gflop an image, 114 images: 989.4 Gflop take 1 ms at best, and took 2.
	op := figures["speed"]["ops"].([]any)[0].(map[string]any)
	if figures["speed"]["images_per_second"] != 1000.0 || figures["speed"]["unfused_images_per_second"] != 900.0 {
		t.Errorf("speed: %v", figures["speed"])
	}
	if figures["speed"]["data_sheet"] != "H100-SXM5-80GB" || math.Abs(op["percent_of_limit"].(float64)-50) > 0.01 || math.Abs(op["tflops"].(float64)-494.7) > 0.1 {
		t.Errorf("speed: %v", figures["speed"])
	}
	var words bytes.Buffer
	if err := r.verdict(&words, output, f.work); err != nil || !strings.HasPrefix(words.String(), "12 passed, 0 failed, 1 skipped: ") {
		t.Errorf("%v, %s", err, &words)
	}
	if _, err := os.Stat(f.work); err == nil {
		t.Error("the work folder is left")
	}
}

// A failure of any kind does not end the rest.
func TestFailures(t *testing.T) {
	f := fake(t)
	failing := `{"tests": 2, "testsuites": [{"name": "Conv", "testsuite": [{"name": "A", "failures": [{"failure": "x"}]}, {"name": "B"}]}]}`
	put(t, filepath.Join(f.tests, "testing/card/cuda_suite_test"), suiteOf(failing, "1"))
	put(t, filepath.Join(f.tests, "testing/card/cuda_kernels_test"), "#!/bin/sh\necho out of memory >&2\nkill -SEGV $$\n")
	put(t, filepath.Join(f.tests, "testing/card/cuda_training_test"), suiteOf(twoTests, "77"))
	put(t, filepath.Join(f.tests, "comm/nccl_test"), suiteOf(`{"tests": 0}`, "0"))
	put(t, filepath.Join(f.tests, "testing/card/cuda_jpeg_test"), suiteOf(`no JSON`, "0"))
	putStep(t, filepath.Join(filepath.Dir(f.program), "libssd_engine_cuda.safetensors"), func(name string, values []float32) {
		if name == "scores" {
			values[0] = float32(math.NaN())
		}
	})
	put(t, f.program, strings.Replace(program, `"launch "*) `, `"launch "*) echo "mlperf-ssd: rank 0: the loss is not finite" >&2; exit 1; `, 1))
	r, lines := runAll(t, f)
	for name, want := range map[string]string{
		"ops":      "1 of 2 tests failed, the first is Conv.A",
		"kernels":  "out of memory (signal: segmentation fault)",
		"training": "said last",
		"step":     "scores is NaN away, 0.02 is allowed",
		"nccl":     "comm/nccl_test has no tests",
		"nvjpeg":   "invalid character",
		"toy":      "the loss is not finite",
	} {
		wanted := failed
		if name == "training" {
			wanted = skipped
		}
		if got := r.of(name); got.Status != wanted || !strings.Contains(got.Reason, want) {
			t.Errorf("%v, want %s", got, want)
		}
	}
	if r.Passed != 5 || r.Failed != 6 || r.Skipped != 2 {
		t.Errorf("%d passed, %d failed, %d skipped:\n%s", r.Passed, r.Failed, r.Skipped, lines)
	}
	output := filepath.Join(t.TempDir(), "r.json") // NaN and all
	if err := r.write(output); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(output); err != nil || !bytes.Contains(text, []byte("Scores:NaN")) {
		t.Errorf("%v: %s", err, text)
	}
	if err := r.verdict(&bytes.Buffer{}, "x.json", f.work); exit.CodeOf(err) != exit.Failed || !strings.Contains(err.Error(), f.work) {
		t.Errorf("verdict: %v", err)
	}
}

// An engine whose device does not render is not what was to be timed.
func TestInputOfTheHost(t *testing.T) {
	f := fake(t)
	put(t, f.program, strings.Replace(program, `"renderer": "device"`, `"renderer": "host"`, 1))
	r, _ := runAll(t, f)
	if got := r.of("input"); got.Status != failed || got.Reason != "images of train are rendered by the host" {
		t.Errorf("input: %v", got)
	}
}

// Without a GPU there is one sentence, and the file says what was not checked.
func TestNoGPU(t *testing.T) {
	f := fake(t)
	put(t, filepath.Join(f.tests, opsSuite), "#!/bin/sh\necho 'SKIPPED: no NVIDIA driver (libcuda.so.1) on this machine'\nexit 77\n")
	r, lines := runAll(t, f)
	if r.Passed != 0 || r.Failed != 1 || r.Skipped != 12 || r.of("toy").Reason == "" || lines != "" {
		t.Errorf("%+v\n%s", r, lines)
	}
	var words bytes.Buffer
	err := r.verdict(&words, "x.json", f.work)
	if exit.CodeOf(err) != exit.Failed || err.Error() != "no NVIDIA driver (libcuda.so.1) on this machine" || words.Len() > 0 {
		t.Errorf("verdict: %v, %s", err, &words)
	}
}

// A card that fails its first task is asked for the others.
func TestFirstTaskFails(t *testing.T) {
	f := fake(t)
	put(t, f.program, strings.Replace(program, `"bench infer") `, `"bench infer") echo "mlperf-ssd: no engine" >&2; exit 1; `, 1))
	r, lines := runAll(t, f)
	if got := r.of(deviceCheck); got.Status != failed || !strings.Contains(got.Reason, "no engine") || r.of("toy").Status != passed || r.Failed != 1 {
		t.Errorf("%v\n%s", got, lines)
	}
}

// A check that hangs is ended with all that it started, and the next one is made.
func TestTimeout(t *testing.T) {
	hang := filepath.Join(t.TempDir(), "hang")
	put(t, hang, "#!/bin/sh\nsleep 1000 &\nwait\n")
	checks := []check{
		{"hangs", 100 * time.Millisecond, func(ctx context.Context) (any, error) { return output(ctx, hang) }},
		{"next", time.Minute, func(context.Context) (any, error) { return 7, nil }},
	}
	r, _ := runChecks(t, t.Context(), checks, time.Time{})
	if got := r.of("hangs"); got.Status != failed || got.Reason != "did not end in 100ms" {
		t.Errorf("hangs: %v", got)
	}
	if r.of("next").Status != passed {
		t.Errorf("next: %v", r.of("next"))
	}
}

// Where the program is killed the report says how far it came.
func TestReportOfAKilledRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.json")
	read := func() (r report) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	pass := func(context.Context) (any, error) { return 7, nil }
	checks := []check{{"a", time.Minute, pass}, {"b", time.Minute, func(context.Context) (any, error) {
		killed := read()
		if killed.Passed != 1 || killed.of("b").Status != failed || killed.of("b").Reason != underWay || killed.of("c").Reason != notReached {
			t.Errorf("%+v", killed)
		}
		return nil, nil
	}}, {"c", time.Minute, pass}}
	if _, err := run(t.Context(), checks, time.Time{}, &bytes.Buffer{}, func(r *report) error { return r.write(path) }); err != nil {
		t.Fatal(err)
	}
	if whole := read(); whole.Passed != 3 || whole.Failed != 0 || whole.Skipped != 0 {
		t.Errorf("%+v", whole)
	}
}

// A report that cannot be written is told before a check is made.
func TestUnwritableReport(t *testing.T) {
	made := false
	checks := []check{{"a", time.Minute, func(context.Context) (any, error) { made = true; return nil, nil }}}
	full := errors.New("no space")
	if _, err := run(t.Context(), checks, time.Time{}, &bytes.Buffer{}, func(*report) error { return full }); !errors.Is(err, full) || made {
		t.Errorf("%v, made %t", err, made)
	}
}

// What is left of --within bounds a check; what would begin behind it is not made.
func TestWithin(t *testing.T) {
	wait := func(ctx context.Context) (any, error) { <-ctx.Done(); return nil, ctx.Err() }
	r, lines := runChecks(t, t.Context(), []check{{"a", time.Hour, wait}, {"b", time.Hour, wait}}, time.Now().Add(50*time.Millisecond))
	if got := r.of("a"); got.Status != failed || !strings.HasPrefix(got.Reason, "did not end in ") {
		t.Errorf("a: %v", got)
	}
	if got := r.of("b"); got.Status != skipped || got.Reason != "the time of --within was over" || !strings.Contains(lines, got.Reason) {
		t.Errorf("b: %v, %s", got, lines)
	}
}

// What was timed before a failure is in the report.
func TestSpeedUntilAFailure(t *testing.T) {
	f := fake(t)
	put(t, f.program, strings.Replace(program, "*--fusions=false*) rate=900 ;;", "*--fusions=false*) echo 'mlperf-ssd: out of memory' >&2; exit 1 ;;", 1))
	r, _ := runChecks(t, t.Context(), []check{{"speed", time.Minute, f.speed}}, time.Time{})
	got := r.of("speed")
	if figures, ok := got.Figures.(speeds); got.Status != failed || !strings.Contains(got.Reason, "out of memory") || !ok || figures.ImagesPerSecond != 1000 || len(figures.Ops) != 2 {
		t.Errorf("%v: %+v", got, got.Figures)
	}
}

func TestVisible(t *testing.T) {
	for _, test := range []struct {
		devices int
		names   string
		want    int
	}{{8, "0", 1}, {8, "GPU-1,GPU-2", 2}, {8, "", 0}, {1, "0,1", 1}} {
		if got := visible(test.devices, test.names); got != test.want {
			t.Errorf("%+v: %d", test, got)
		}
	}
}

// Folders of both layouts, behind what is set.
func TestFindLibraries(t *testing.T) {
	t.Setenv("LD_LIBRARY_PATH", "/set")
	findLibraries("/carried", "/cuda")
	if got, want := os.Getenv("LD_LIBRARY_PATH"), "/set:/carried:/cuda/toolkit/lib64:/cuda/cu13/lib:/cuda/cudnn/lib:/cuda/nccl/lib"; got != want {
		t.Error(got)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	r, _ := runChecks(t, ctx, []check{{"a", time.Minute, func(ctx context.Context) (any, error) { return nil, ctx.Err() }}}, time.Time{})
	if got := r.of("a"); got.Status != failed || got.Reason != "interrupted" {
		t.Errorf("%v", got)
	}
}

func TestCompare(t *testing.T) {
	want, got := filepath.Join(t.TempDir(), "want"), filepath.Join(t.TempDir(), "got")
	putStep(t, want, func(string, []float32) {})
	one := "grad." + ssdnames.Tensors()[7]
	for _, test := range []struct {
		name  string
		by    float32 // of 5
		error string
	}{
		{"loss", 0.002, ""},
		{"loss", 0.004, "the loss is 0.0008 away"},
		{"offsets", 0.2, "offsets is 0.04 away"},
		{one, 1, ""},
		{one, 2, "the gradient of " + ssdnames.Tensors()[7] + " is 0.4 away"},
	} {
		putStep(t, got, func(name string, values []float32) {
			if name == test.name {
				values[0] += test.by
			}
		})
		_, err := compare(want, got)
		if (err == nil) != (test.error == "") || err != nil && !strings.HasPrefix(err.Error(), test.error) {
			t.Errorf("%s by %g: %v, want %q", test.name, test.by, err, test.error)
		}
	}
	putStep(t, got, func(name string, values []float32) {
		if strings.HasPrefix(name, "grad.") {
			values[1] = 0
		}
	})
	p, err := compare(want, got)
	if err == nil || !strings.HasPrefix(err.Error(), "the gradient is 0.8 away") || !strings.HasSuffix(err.Error(), "and 117 more") {
		t.Errorf("all: %v", err)
	}
	if p.Count != 119 || len(p.Worst) != 5 {
		t.Errorf("%+v", p)
	}
}

func TestPick(t *testing.T) {
	all := fake(t).checks()
	if picked, err := pick(all, []string{"toy", "step"}); err != nil || len(picked) != 3 || picked[0].name != deviceCheck || picked[1].name != "step" {
		t.Errorf("%v, %v", picked, err)
	}
	if _, err := pick(fake(t).checks(), []string{"step", "speeed"}); err == nil || !strings.Contains(err.Error(), `"speeed", must be of device, ops`) {
		t.Errorf("%v", err)
	}
}

// A GPU without a data sheet has times and no limits.
func TestSpeedWithoutSheet(t *testing.T) {
	var s speeds
	s.beside([]opTime{{"conv forward", 2, 1}}, &roofline.Report{Batch: 1, Layers: []roofline.Layer{{Name: "c", Kind: "conv", Pass: "forward", Work: roofline.Work{Gflop: 4}}}}, roofline.Device{})
	if s.Limit != 0 || len(s.Ops) != 1 || s.Ops[0].LimitMs != 0 || s.Ops[0].Tflops != 2 {
		t.Errorf("%+v", s)
	}
	if _, err := json.Marshal(s); err != nil {
		t.Error(err)
	}
}

// The input is one that the engine takes: its own tests read it by these names.
func TestWriteStep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in.safetensors")
	if err := writeStep(path); err != nil {
		t.Fatal(err)
	}
	file, err := tensorfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(err, file.Close())
	if got := file.Names(); err != nil || strings.Join(got, " ") != "boxes counts image labels" {
		t.Errorf("%v, %v", got, err)
	}
}
