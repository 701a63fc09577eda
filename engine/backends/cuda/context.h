// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "backends/backend.h"
#include "backends/cuda/check.h"

namespace ssd {

class TrainingFilters;

// What every op of the CUDA backend needs to make itself and to enqueue its work: cheap to copy.
struct CudaContext {
  cudaStream_t stream = nullptr;
  TrainingFilters* filters = nullptr;  // where training convolutions keep theirs
  NormSpan* norm_span = nullptr;       // of training BatchNorms; null: this rank alone
};

// A stream that neither is the default one nor waits for it. A step's has the blocks of its kernels
// run before those of the input, which are not urgent: an input is made a batch ahead. (A stream of
// no stated priority has the least.)
enum class StreamUse { kStep, kInput };
cudaStream_t OpenStream(StreamUse use);

// Zeroed on the context's stream. Throws Status::kUnavailable when the GPU's memory is full, with
// the key to lower.
std::unique_ptr<DeviceMemory> AllocateCuda(const CudaContext& context, size_t bytes,
                                           const char* key = "model.batch_size");

// Page-locked memory of the host. Throws Status::kUnavailable when there is none left, with the
// keys to lower.
HostBytes AllocatePinned(size_t bytes);

// A copy that is done when these return. For set-up and inspection, not for a step.
void CopyToDevice(const CudaContext& context, const void* host, size_t bytes, void* device);
void CopyToHost(const CudaContext& context, const void* device, size_t bytes, void* host);

constexpr uint32_t BlocksFor(int64_t items, int64_t a_block) {
  return static_cast<uint32_t>((items + a_block - 1) / a_block);
}

// kernel<<<grid, block, 0, context.stream>>>(args...)
template <class... Wanted, class... Given>
void Launch(const CudaContext& context, void (*kernel)(Wanted...), dim3 grid, dim3 block,
            Given&&... args) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.stream = context.stream;
  SSD_CUDA(cudaLaunchKernelEx(&config, kernel, std::forward<Given>(args)...));
}

}  // namespace ssd
