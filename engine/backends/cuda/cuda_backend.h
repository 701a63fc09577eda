// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "backends/backend.h"

namespace ssd {

// Empty when the CUDA backend can run here with these options; else one sentence that names what is
// missing (driver, library, GPU) and the way out. Loads the libraries that cuDNN would end the
// process for.
std::string CudaObstacle(const BackendOptions& options);

// cuDNN for convolutions, own kernels for the rest; f16, every value channels last; on the current
// device. Over a span of ranks nothing of a BatchNorm is fused into convolutions: its sums travel
// first. REQUIRES: no CudaObstacle.
std::unique_ptr<Backend> MakeCudaBackend(const BackendOptions& options = {});

}  // namespace ssd
