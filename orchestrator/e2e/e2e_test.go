// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

// Package e2e tests the built program from outside: its exit codes, its files and its words. Scripts
// are in testdata: usage needs no engine, fake one without maths, real the one that `make build` makes.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// install is the program under test and what lies around it; set by TestMain.
var install struct {
	root       string // of the repository
	program    string
	fakeEngine string
	otherABI   string
	realEngine string
	cudaEngine string
}

func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "mlperf-ssd-e2e-*")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	install.root = root
	install.program = filepath.Join(dir, "bin", "mlperf-ssd")
	install.fakeEngine = filepath.Join(root, "build", "engine", "abi", "libssd_engine_fake.so")
	if other := os.Getenv("SSD_FAKE_ENGINE"); other != "" {
		install.fakeEngine = other
	}
	install.otherABI = filepath.Join(filepath.Dir(install.fakeEngine), "libssd_engine_other_abi.so")
	lib := filepath.Join(root, "lib")
	if other := os.Getenv("SSD_LIB_DIR"); other != "" {
		lib = other
	}
	install.realEngine = filepath.Join(lib, "libssd_engine_cpu.so")
	install.cudaEngine = filepath.Join(lib, "libssd_engine_cuda.so")
	if missing(install.realEngine) == "" {
		if err := os.Symlink(lib, filepath.Join(dir, "lib")); err != nil {
			return 0, err
		}
	}
	build := exec.Command("go", "build", "-o", install.program, "mlperf-ssd/orchestrator/cmd/mlperf-ssd")
	if text, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("go build: %w\n%s", err, text)
	}
	return m.Run(), nil
}

// missing is why a test that needs the file cannot run, or empty.
func missing(file string) string {
	if _, err := os.Stat(file); err != nil {
		return err.Error() + ": `make build` makes it"
	}
	return ""
}

func TestUsage(t *testing.T) { runScripts(t, "usage") }

func TestFakeEngine(t *testing.T) {
	skipWithout(t, install.fakeEngine)
	skipWithout(t, install.otherABI)
	runScripts(t, "fake")
}

func TestRealEngine(t *testing.T) {
	skipWithout(t, install.realEngine)
	if testing.Short() {
		t.Skip("trains for a minute: not in short mode")
	}
	runScripts(t, "real")
}

func skipWithout(t *testing.T, file string) {
	t.Helper()
	if reason := missing(file); reason != "" {
		t.Skip(reason)
	}
}

func runScripts(t *testing.T, folder string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir:                filepath.Join("testdata", folder),
		RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", searchPath())
			env.Setenv("PROGRAM", install.program)
			env.Setenv("ROOT", install.root)
			env.Setenv("IDS", fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()))
			env.Setenv("FAKE", install.fakeEngine)
			env.Setenv("OTHER_ABI", install.otherABI)
			env.Setenv("CUDA", install.cudaEngine)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"cancel":    cancel,
			"code":      code,
			"here":      here,
			"host":      host,
			"interrupt": interrupt,
			"strike":    strike,
			"input":     makeInput,
			"jsondoc":   jsonDocument,
			"replace":   replace,
			"runlog":    writeRunLog,
			"tensors":   hasTensors,
			"truncate":  truncate,
			"without":   without,
		},
	})
}
