// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"debug/elf"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/dgxa100"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/server"
)

// dgx is the mock DGX A100 with the functions that it does not have left out of its library.
func dgx() *server.Server {
	mock := dgxa100.New()
	mock.LookupSymbolFunc = func(symbol string) error {
		if slices.Contains([]string{"nvmlSystemGetCudaDriverVersion"}, symbol) {
			return nil
		}
		return errors.New("undefined symbol: " + symbol)
	}
	return mock
}

func TestMockDGXA100(t *testing.T) {
	answer := askNVML(library{dgx()})
	equal(t, "driver", answer.Driver, Driver{Version: "550.54.15", CUDA: "12.4"})
	equal(t, "problems", answer.Problems, []string{})
	if len(answer.GPUs) != 8 {
		t.Fatalf("%d GPUs", len(answer.GPUs))
	}
	for i, gpu := range answer.GPUs {
		if !strings.HasPrefix(gpu.UUID, "GPU-") {
			t.Errorf("UUID %q", gpu.UUID)
		}
		gpu.UUID, gpu.Bus = "", ""
		equal(t, "GPU", gpu, GPU{Index: i, Name: "Mock NVIDIA A100-SXM4-40GB", Memory: 40 << 30, Node: -1})
	}
}

// TestLostGPU: one device of eight does not answer.
func TestLostGPU(t *testing.T) {
	mock := dgx()
	handle := mock.DeviceGetHandleByIndexFunc
	mock.DeviceGetHandleByIndexFunc = func(index int) (nvml.Device, nvml.Return) {
		if index == 5 {
			return nil, nvml.ERROR_GPU_IS_LOST
		}
		return handle(index)
	}
	answer := askNVML(library{mock})
	equal(t, "problems", answer.Problems, []string{"device 5: the GPU has fallen off the bus: the host needs a reboot"})
	if len(answer.GPUs) != 7 || answer.GPUs[5].Index != 6 {
		t.Errorf("%d GPUs", len(answer.GPUs))
	}
}

// TestNothingAfterAFailedInit: the mock panics at any call whose function is taken away.
func TestNothingAfterAFailedInit(t *testing.T) {
	for ret, words := range map[nvml.Return]string{
		nvml.ERROR_LIBRARY_NOT_FOUND:       "comes with the NVIDIA driver",
		nvml.ERROR_DRIVER_NOT_LOADED:       "kernel driver is not loaded",
		nvml.ERROR_LIB_RM_VERSION_MISMATCH: "different versions",
		nvml.ERROR_NO_PERMISSION:           "/dev/nvidiactl",
		nvml.ERROR_UNKNOWN:                 "NVML error 999",
	} {
		mock := &server.Server{}
		mock.InitFunc = func() nvml.Return { return ret }
		answer := askNVML(library{mock})
		if !strings.Contains(answer.Driver.Missing, words) || len(answer.GPUs) > 0 || strings.Contains(answer.Driver.Missing, "\n") {
			t.Errorf("%v: %+v", ret, answer)
		}
	}
}

func TestNoDevices(t *testing.T) {
	mock := dgx()
	mock.DeviceGetCountFunc = func() (int, nvml.Return) { return 0, nvml.SUCCESS }
	if answer := askNVML(library{mock}); !strings.Contains(answer.Driver.Missing, "--gpus all") {
		t.Errorf("%+v", answer)
	}
}

// TestLazyBinding: a program that binds all its symbols at the start dies without the driver.
func TestLazyBinding(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	now := map[elf.DynTag]uint64{elf.DT_FLAGS: uint64(elf.DF_BIND_NOW), elf.DT_FLAGS_1: uint64(elf.DF_1_NOW)}
	for tag, bit := range now {
		values, err := file.DynValue(tag)
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range values {
			if value&bit != 0 {
				t.Errorf("%v is %#x: linked with -z now", tag, value)
			}
		}
	}
}

func TestVisible(t *testing.T) {
	gpus := []GPU{{Index: 0, UUID: "GPU-aa1"}, {Index: 1, UUID: "GPU-ab2"}, {Index: 2, UUID: "GPU-b"}}
	for devices, want := range map[string][]string{
		"0,1,2": {"GPU-aa1", "GPU-ab2", "GPU-b"}, "2,0": {"GPU-b", "GPU-aa1"}, "1,7,0": {"GPU-ab2"}, "": nil, "-1": nil,
		"NoDevFiles": nil, "GPU-b, 0": {"GPU-b", "GPU-aa1"}, "GPU-a": nil, "GPU-ab,1": {"GPU-ab2"}, "0,-1,1": {"GPU-aa1"},
	} {
		var got []string
		for i, gpu := range Visible(gpus, devices) {
			got = append(got, gpu.UUID)
			equal(t, "index", gpu.Index, i)
		}
		equal(t, devices, got, want)
	}
}
