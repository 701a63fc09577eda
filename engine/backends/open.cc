// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/cpu_backend.h"
#include "core/error.h"
#ifdef SSD_WITH_CUDA
#include "backends/cuda/cuda_backend.h"
#endif

namespace ssd {

std::unique_ptr<Backend> OpenBackend(const BackendOptions& options) {
#ifdef SSD_WITH_CUDA
  if (options.device != DeviceKind::kCpu) {
    const std::string obstacle = CudaObstacle(options);
    if (obstacle.empty()) return MakeCudaBackend(options);
    if (options.device == DeviceKind::kCuda)
      Throw(Status::kUnavailable, "device.kind cuda: %s", obstacle.c_str());
    return OpenCpuBackend(options.precision, options.threads, options.norm_span, obstacle);
  }
#else
  if (options.device == DeviceKind::kCuda)
    Throw(Status::kUnavailable,
          "device.kind cuda: this engine was built for CPUs only: set device.kind to cpu or auto");
#endif
  return OpenCpuBackend(options.precision, options.threads, options.norm_span);
}

bool OpensOnGpu([[maybe_unused]] const BackendOptions& options) {
#ifdef SSD_WITH_CUDA
  return options.device != DeviceKind::kCpu && CudaObstacle(options).empty();
#else
  return false;
#endif
}

}  // namespace ssd
