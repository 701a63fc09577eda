// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include "core/error.h"

namespace ssd {

inline void CheckCuda(cudaError_t error, const char* call) {
  if (error != cudaSuccess) Throw(Status::kDevice, "%s: %s", call, cudaGetErrorString(error));
}

}  // namespace ssd

// A CUDA call that must succeed: else Status::kDevice with the call and CUDA's own words.
#define SSD_CUDA(call) ::ssd::CheckCuda((call), #call)
