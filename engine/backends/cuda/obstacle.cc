// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>

#include "backends/cuda/check.h"
#include "backends/cuda/cuda_backend.h"

namespace ssd {
namespace {

constexpr int kLeastMajor = 8;  // compute capability 8.0: A100

bool Loads(const char* library) { return dlopen(library, RTLD_NOW | RTLD_GLOBAL) != nullptr; }

std::string MissingLibrary() {
  // cuDNN ends the process that lacks one of the first two or a part of its own.
  for (const char* library :
       {"libcublasLt.so.13", "libnvrtc.so.13", "libcudnn.so.9", "libcudnn_graph.so.9",
        "libcudnn_ops.so.9", "libcudnn_cnn.so.9", "libcudnn_heuristic.so.9",
        "libcudnn_engines_precompiled.so.9", "libcudnn_engines_runtime_compiled.so.9"}) {
    if (Loads(library)) continue;
    return std::string(library) +
           " is missing: install cuDNN 9 and the CUDA 13 libraries, and name their folders in "
           "LD_LIBRARY_PATH";
  }
  return "";
}

std::string MissingGpu() {
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error == cudaErrorInsufficientDriver)
    return "the NVIDIA driver is older than CUDA 13.0: install version 580 or newer";
  if (error == cudaErrorNoDevice || (error == cudaSuccess && devices == 0))
    return "no GPU is visible: see nvidia-smi and CUDA_VISIBLE_DEVICES";
  if (error != cudaSuccess)
    return std::string("the GPU does not answer (") + cudaGetErrorString(error) +
           "): see nvidia-smi";
  cudaDeviceProp device;
  SSD_CUDA(cudaGetDeviceProperties(&device, 0));
  if (device.major < kLeastMajor) {
    return std::string(device.name) + " has compute capability " + std::to_string(device.major) +
           "." + std::to_string(device.minor) + ": the CUDA engine needs 8.0 (A100) or newer";
  }
  return "";
}

}  // namespace

std::string CudaObstacle(const BackendOptions& options) {
  if (!Loads("libcuda.so.1"))
    return "no NVIDIA driver (libcuda.so.1) on this machine: install it, or start the container "
           "with its GPUs (--gpus all)";
  if (options.precision != Precision::kF16)
    return "the CUDA engine computes in fp16: set model.precision to fp16";
  for (const auto& missing : {MissingLibrary(), MissingGpu()}) {
    if (!missing.empty()) return missing;
  }
  return "";
}

}  // namespace ssd
