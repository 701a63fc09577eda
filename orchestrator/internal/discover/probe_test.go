// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// askVariable makes this test binary the process that asks NVML.
const askVariable = "SSD_DISCOVER_ASK_NVML"

func TestMain(m *testing.M) {
	if os.Getenv(askVariable) != "" {
		if err := json.NewEncoder(os.Stdout).Encode(AskNVML()); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// stub builds the library of testdata with these macros and makes the probe find it.
func stub(t *testing.T, macros ...string) {
	t.Helper()
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler for the stub of NVML: ", err)
	}
	dir := t.TempDir()
	args := append([]string{"-shared", "-fPIC", "-o", filepath.Join(dir, "libnvidia-ml.so.1"), "testdata/nvml_stub.c"}, macros...)
	if text, err := exec.Command(compiler, args...).CombinedOutput(); err != nil {
		t.Fatalf("cc: %v\n%s", err, text)
	}
	t.Setenv("LD_LIBRARY_PATH", dir)
	t.Setenv(askVariable, "1")
}

func probe(ctx context.Context, t *testing.T) GPUs {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Probe(ctx, program)
}

func TestStub(t *testing.T) {
	stub(t)
	answer := probe(t.Context(), t)
	equal(t, "driver", answer.Driver, Driver{Version: "580.0.1", CUDA: "13.0"})
	equal(t, "GPUs", answer.GPUs, []GPU{
		{Index: 0, Name: "Stub 0", UUID: "GPU-stub-0", Memory: 80 << 30, Bus: "0000:01:00.0", Node: -1, PowerLimit: 250, MaxMHz: 1410, Link: "PCIe 4.0 x16"},
		{Index: 1, Name: "Stub 1", UUID: "GPU-stub-1", Memory: 80 << 30, Bus: "0000:11:00.0", Node: -1, PowerLimit: 250, MaxMHz: 1410, Link: "PCIe 4.0 x16"},
	})
}

func TestOldStub(t *testing.T) {
	stub(t, "-DOLD")
	answer := probe(t.Context(), t)
	equal(t, "driver", answer.Driver, Driver{Version: "580.0.1"})
	equal(t, "GPU", answer.GPUs[1], GPU{Index: 1, Name: "Stub 1", UUID: "GPU-stub-1", Memory: 80 << 30, Bus: "0000:11:00.0", Node: -1})
}

// TestBrokenStubs: the driver fails in the ways it does, and this process goes on with a line that says so.
func TestBrokenStubs(t *testing.T) {
	for macro, words := range map[string]string{
		"-DINIT_CODE=9":  "libnvidia-ml.so.1 is there, but the NVIDIA kernel driver is not loaded",
		"-DINIT_CODE=18": "different versions",
		"-DNO_INIT":      "asking NVML ended the process made for it (exit status 127)",
		"-DCRASH":        "is broken: SIGSEGV: segmentation violation",
	} {
		t.Run(macro, func(t *testing.T) {
			stub(t, macro)
			answer := probe(t.Context(), t)
			if !strings.Contains(answer.Driver.Missing, words) || len(answer.GPUs) > 0 {
				t.Errorf("%+v, want %q", answer, words)
			}
			if strings.Contains(answer.Driver.Missing, "\n") {
				t.Errorf("more than a line: %q", answer.Driver.Missing)
			}
		})
	}
}

func TestHangingStub(t *testing.T) {
	stub(t, "-DHANG")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if answer := probe(ctx, t); !strings.Contains(answer.Driver.Missing, "no answer in time") {
		t.Errorf("%+v", answer)
	}
}

func TestNoLibrary(t *testing.T) {
	if _, err := os.Stat("/proc/driver/nvidia"); err == nil {
		t.Skip("this machine has the NVIDIA driver")
	}
	t.Setenv(askVariable, "1")
	if answer := probe(t.Context(), t); !strings.Contains(answer.Driver.Missing, "libnvidia-ml.so.1 cannot be loaded") {
		t.Errorf("%+v", answer)
	}
}

func TestProbeThatIsNone(t *testing.T) {
	for program, words := range map[string]string{"/bin/echo": "gave no answer", "/nowhere/mlperf-ssd": "no such file"} {
		if answer := Probe(t.Context(), program, "x"); !strings.Contains(answer.Driver.Missing, words) {
			t.Errorf("%s: %+v", program, answer)
		}
	}
}
