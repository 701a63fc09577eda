// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/cpu_backend.h"
#include "core/error.h"

namespace ssd {

std::unique_ptr<Backend> OpenBackend(const BackendOptions& options) {
  if (options.device == DeviceKind::kCuda)
    Throw(Status::kUnavailable,
          "device.kind cuda: this engine was built for CPUs only: set device.kind to cpu or auto");
  return OpenCpuBackend(options.precision, options.threads, options.norm_span);
}

}  // namespace ssd
