// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The engine with CUDA, where there is no GPU: scripts in testdata/cuda. What it does on one is
// gpucheck's to say.
func TestCudaEngine(t *testing.T) {
	skipWithout(t, install.realEngine)
	if _, err := os.Stat(install.cudaEngine); err != nil {
		t.Skip(err.Error() + ": `make engine-cuda` makes it")
	}
	if _, err := os.Stat("/dev/nvidiactl"); err == nil {
		t.Skip("this machine has a GPU")
	}
	// What gpucheck looks for beside the program.
	home := filepath.Dir(filepath.Dir(install.program))
	for _, folder := range []string{"configs", "build"} {
		if err := os.Symlink(filepath.Join(install.root, folder), filepath.Join(home, folder)); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-o", filepath.Join(home, "bin", "gpucheck"), "mlperf-ssd/orchestrator/gpucheck")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	runScripts(t, "cuda")
}
