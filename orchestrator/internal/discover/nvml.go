// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"fmt"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// AskNVML loads NVML into this process and asks it for the GPUs. A driver library that lacks a function
// or is broken can end the process: everyone but a process made for it calls Probe.
func AskNVML() GPUs { return askNVML(library{nvml.New()}) }

// gpuLibrary is all that is wanted of NVML. An error is for people.
type gpuLibrary interface {
	Init() error
	Shutdown()
	DriverVersion() (string, error)
	CUDAVersion() (int, error) // 12040 = 12.4
	Count() (int, error)
	GPU(index int) (GPU, error) // without what sysfs tells
}

// askNVML calls nothing more after an Init that fails: such a call kills the process.
func askNVML(lib gpuLibrary) GPUs {
	if err := lib.Init(); err != nil {
		return without(err)
	}
	defer lib.Shutdown()
	count, err := lib.Count()
	if err != nil {
		return without(fmt.Errorf("NVML does not count the GPUs: %w", err))
	}
	if count == 0 {
		return without(fmt.Errorf("the NVIDIA driver knows no GPU: in a container, give it some (docker run --gpus all)"))
	}
	answer := GPUs{GPUs: []GPU{}, Problems: []string{}}
	if answer.Driver.Version, err = lib.DriverVersion(); err != nil {
		answer.Problems = append(answer.Problems, fmt.Sprintf("driver version: %v", err))
	}
	if cuda, err := lib.CUDAVersion(); err == nil {
		answer.Driver.CUDA = fmt.Sprintf("%d.%d", cuda/1000, cuda%1000/10)
	}
	for index := range count {
		gpu, err := lib.GPU(index)
		if err != nil { // one that fell off the bus: the others still work
			answer.Problems = append(answer.Problems, fmt.Sprintf("device %d: %v", index, err))
			continue
		}
		answer.GPUs = append(answer.GPUs, gpu)
	}
	if len(answer.GPUs) == 0 {
		return without(fmt.Errorf("none of %d GPUs answers: %s", count, answer.Problems[len(answer.Problems)-1]))
	}
	return answer
}

func without(err error) GPUs {
	return GPUs{Driver: Driver{Missing: err.Error()}, GPUs: []GPU{}, Problems: []string{}}
}

// library is NVML itself.
type library struct{ nvml.Interface }

func (l library) Init() error { return asError(l.Interface.Init()) }
func (l library) Shutdown()   { _ = l.Interface.Shutdown() } // the process ends next

func (l library) DriverVersion() (string, error) {
	version, ret := l.SystemGetDriverVersion()
	return version, asError(ret)
}

func (l library) CUDAVersion() (int, error) {
	if !l.has("nvmlSystemGetCudaDriverVersion") {
		return 0, asError(nvml.ERROR_FUNCTION_NOT_FOUND)
	}
	version, ret := l.SystemGetCudaDriverVersion()
	return version, asError(ret)
}

func (l library) Count() (int, error) {
	count, ret := l.DeviceGetCount()
	return count, asError(ret)
}

// has is whether the driver's library has a function that older ones lack. A call without would end
// the process.
func (l library) has(symbol string) bool { return l.Extensions().LookupSymbol(symbol) == nil }

func (l library) GPU(index int) (GPU, error) {
	device, ret := l.DeviceGetHandleByIndex(index)
	if ret != nvml.SUCCESS {
		return GPU{}, asError(ret)
	}
	gpu := GPU{Index: index, Node: -1}
	if gpu.Name, ret = device.GetName(); ret != nvml.SUCCESS {
		return GPU{}, fmt.Errorf("name: %w", asError(ret))
	}
	if gpu.UUID, ret = device.GetUUID(); ret != nvml.SUCCESS {
		return GPU{}, fmt.Errorf("UUID: %w", asError(ret))
	}
	memory, ret := device.GetMemoryInfo()
	if ret != nvml.SUCCESS {
		return GPU{}, fmt.Errorf("memory: %w", asError(ret))
	}
	gpu.Memory = memory.Total
	if pci, ret := device.GetPciInfo(); ret == nvml.SUCCESS {
		gpu.Bus = busID(text(pci.BusId[:]))
	}
	l.addExtras(device, &gpu)
	return gpu, nil
}

// addExtras adds what not every device or library tells.
func (l library) addExtras(device nvml.Device, gpu *GPU) {
	if l.has("nvmlDeviceGetPowerManagementLimit") {
		if milliwatts, ret := device.GetPowerManagementLimit(); ret == nvml.SUCCESS {
			gpu.PowerLimit = float64(milliwatts) / 1000
		}
	}
	if l.has("nvmlDeviceGetMaxClockInfo") {
		if mhz, ret := device.GetMaxClockInfo(nvml.CLOCK_SM); ret == nvml.SUCCESS {
			gpu.MaxMHz = int(mhz)
		}
	}
	if l.has("nvmlDeviceGetMaxPcieLinkGeneration") && l.has("nvmlDeviceGetMaxPcieLinkWidth") {
		generation, ret := device.GetMaxPcieLinkGeneration()
		width, widthRet := device.GetMaxPcieLinkWidth()
		if ret == nvml.SUCCESS && widthRet == nvml.SUCCESS {
			gpu.Link = fmt.Sprintf("PCIe %d.0 x%d", generation, width)
		}
	}
}

// text is a C string in a fixed array, of signed or unsigned bytes as the library's version has it.
func text[B int8 | uint8](array []B) string {
	var out []byte
	for _, b := range array {
		if b == 0 {
			break
		}
		out = append(out, byte(b))
	}
	return string(out)
}

// asError has words of its own: NVML's are a call into it, which a failed Init forbids.
func asError(ret nvml.Return) error {
	switch ret {
	case nvml.SUCCESS:
		return nil
	case nvml.ERROR_LIBRARY_NOT_FOUND:
		return fmt.Errorf("libnvidia-ml.so.1 cannot be loaded: it comes with the NVIDIA driver; in a container, run it with its GPUs (docker run --gpus all)")
	case nvml.ERROR_DRIVER_NOT_LOADED:
		return fmt.Errorf("libnvidia-ml.so.1 is there, but the NVIDIA kernel driver is not loaded")
	case nvml.ERROR_LIB_RM_VERSION_MISMATCH:
		return fmt.Errorf("libnvidia-ml.so.1 and the loaded kernel driver are of different versions: reboot, or reload the driver")
	case nvml.ERROR_NO_PERMISSION:
		return fmt.Errorf("no permission to use the NVIDIA driver (/dev/nvidiactl)")
	case nvml.ERROR_GPU_IS_LOST:
		return fmt.Errorf("the GPU has fallen off the bus: the host needs a reboot")
	case nvml.ERROR_NOT_SUPPORTED:
		return fmt.Errorf("not supported by the device")
	case nvml.ERROR_FUNCTION_NOT_FOUND:
		return fmt.Errorf("the driver's NVML has no such function: it is too old")
	default:
		return fmt.Errorf("NVML error %d", int(ret))
	}
}
