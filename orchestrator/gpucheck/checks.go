// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// skippedCode is how a test program says that it cannot run here (engine/testing/card/main.cc).
const skippedCode = 77

const opsSuite = "testing/card/cuda_suite_test"

// checks are all, the device's first. The limits leave room for a card that makes its plans for the first
// time.
func (f files) checks() []check {
	return []check{
		{deviceCheck, 5 * time.Minute, f.device},
		{"ops", 5 * time.Minute, f.suite(opsSuite)},
		{"kernels", 5 * time.Minute, f.suite("testing/card/cuda_kernels_test")},
		{"training", 5 * time.Minute, f.suite("testing/card/cuda_training_test")},
		{"step", 10 * time.Minute, f.step},
		{"nccl", 2 * time.Minute, f.suite("comm/nccl_test")},
		{"captured", 2 * time.Minute, f.suite("testing/card/nccl_sums_test")},
		{"sums", 3 * time.Minute, f.sums},
		{"nvjpeg", 3 * time.Minute, f.suite("testing/card/cuda_jpeg_test")},
		{"input", 5 * time.Minute, f.inputs},
		{"speed", 10 * time.Minute, f.speed},
		{"toy", 15 * time.Minute, f.train},
		{"ranks", 15 * time.Minute, f.trainPair},
	}
}

// device is what there is: a forward pass on the card, or why that is not possible.
type device struct {
	Backend  string          `json:"backend"` // of the engine: GPU, memory, CUDA
	Driver   string          `json:"driver,omitempty"`
	GPUs     int             `json:"gpus"`
	Versions json.RawMessage `json:"versions"`
}

func (f files) device(ctx context.Context) (any, error) {
	// It tells what is missing and nothing else.
	var missing *failure
	_, err := output(ctx, filepath.Join(f.tests, opsSuite), "--gtest_list_tests")
	if errors.As(err, &missing) && missing.code() == skippedCode {
		return nil, &noGPUError{missing.said}
	}
	if err != nil { // all that follow begin like this
		return nil, &noGPUError{err.Error()}
	}
	timed, err := decoded[timing](ctx, f.program, f.onCard("bench", "infer", "--batch=1", "--steps=1", "--json")...)
	if err != nil {
		return nil, err
	}
	versions, err := decoded[json.RawMessage](ctx, f.program, "version", "--json", "--engine="+f.cuda)
	if err != nil {
		return nil, err
	}
	driver, _ := os.ReadFile("/proc/driver/nvidia/version") // not in every container
	return device{timed.Backend, strings.SplitN(string(driver), "\n", 2)[0], gpus(), versions}, nil
}

// onCard is a verb on the CUDA engine, which alone takes fp16.
func (f files) onCard(verb ...string) []string {
	return append(verb, "--precision=fp16", "--engine="+f.cuda)
}

// gpus is how many CUDA sees, at most.
func gpus() int {
	devices, _ := filepath.Glob("/dev/nvidia[0-9]*") // the pattern is valid
	if names, set := os.LookupEnv("CUDA_VISIBLE_DEVICES"); set {
		return visible(len(devices), names)
	}
	return len(devices)
}

// visible is how many of the devices the names of CUDA_VISIBLE_DEVICES may leave.
func visible(devices int, names string) int {
	return min(devices, len(strings.FieldsFunc(names, func(r rune) bool { return r == ',' || r == ' ' })))
}

// suite runs a GoogleTest program of the build.
func (f files) suite(program string) func(context.Context) (any, error) {
	return func(ctx context.Context) (any, error) {
		path := filepath.Join(f.tests, program)
		results := filepath.Join(f.work, filepath.Base(program)+".json")
		_, err := output(ctx, path, "--gtest_output=json:"+results)
		var missing *failure
		if errors.As(err, &missing) && missing.code() == skippedCode {
			return nil, &skipError{missing.said}
		}
		counted, unread := readSuite(results)
		switch {
		case err != nil && len(counted.Failures) > 0:
			return counted, fmt.Errorf("%d of %d tests failed, the first is %s", len(counted.Failures), counted.Tests, counted.Failures[0])
		case err != nil:
			return nil, err
		case unread != nil:
			return nil, unread
		case counted.Tests == 0:
			return nil, fmt.Errorf("%s has no tests", program)
		}
		return counted, nil
	}
}

// counts are of a GoogleTest program.
type counts struct {
	Tests    int      `json:"tests"`
	Failures []string `json:"failures"`
	Skipped  []string `json:"skipped"`
}

// readSuite reads what --gtest_output wrote.
func readSuite(path string) (counts, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return counts{}, err
	}
	var written struct {
		Tests  int
		Suites []struct {
			Name   string
			Suites []struct {
				Name     string            `json:"name"`
				Result   string            `json:"result"`
				Failures []json.RawMessage `json:"failures"`
			} `json:"testsuite"`
		} `json:"testsuites"`
	}
	if err := json.Unmarshal(text, &written); err != nil {
		return counts{}, fmt.Errorf("%s: %w", path, err)
	}
	counted := counts{Tests: written.Tests, Failures: []string{}, Skipped: []string{}}
	for _, suite := range written.Suites {
		for _, test := range suite.Suites {
			switch {
			case len(test.Failures) > 0:
				counted.Failures = append(counted.Failures, suite.Name+"."+test.Name)
			case test.Result == "SKIPPED":
				counted.Skipped = append(counted.Skipped, suite.Name+"."+test.Name)
			}
		}
	}
	return counted, nil
}

// sums adds over two GPUs, or over one where there is no other.
func (f files) sums(ctx context.Context) (any, error) {
	return decoded[json.RawMessage](ctx, f.program, "bench", "allreduce", "--nproc="+strconv.Itoa(min(2, max(1, gpus()))),
		`--set=device.kind="cuda"`, `--set=model.precision="fp16"`, "--json", "--engine="+f.cuda)
}

// train goes from random weights to the target on the toy data set, and checks the log.
func (f files) train(ctx context.Context) (any, error) { return f.trainOn(ctx, "results") }

// trainPair does so with half the batch on each of two GPUs, whose gradients NCCL sums in the step's graph.
func (f files) trainPair(ctx context.Context) (any, error) {
	if n := gpus(); n < 2 {
		return nil, &skipError{fmt.Sprintf("%d GPU, two ranks need two", n)}
	}
	return f.trainOn(ctx, "results-of-two", "--nproc=2", "--set=model.batch_size=4")
}

func (f files) trainOn(ctx context.Context, folder string, more ...string) (any, error) {
	logs := filepath.Join(f.work, folder)
	data, err := f.toyData(ctx)
	if err != nil {
		return nil, err
	}
	_, err = output(ctx, f.program, append([]string{"launch", "--config=" + f.toy, "--engine=" + f.cuda,
		`--set=device.kind="cuda"`, `--set=model.precision="fp16"`, "--set=run.log_dir=" + strconv.Quote(logs), "--set=data.dir=" + strconv.Quote(data)}, more...)...)
	outcome, unread := os.ReadFile(filepath.Join(logs, "run.json"))
	if !json.Valid(outcome) {
		outcome = nil
	}
	if err = errors.Join(err, unread); err != nil {
		return json.RawMessage(outcome), err
	}
	_, err = output(ctx, f.program, "check", filepath.Join(logs, "result_0.txt"))
	return json.RawMessage(outcome), err
}
