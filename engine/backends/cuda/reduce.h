// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace ssd {

inline constexpr int32_t kWarp = 32;
inline constexpr uint32_t kAllLanes = 0xffffffffu;

// Over the lanes of a warp, in an order that does not change; every lane gets the result.
template <class T>
__device__ __forceinline__ T WarpSum(T value) {
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2)
    value += __shfl_xor_sync(kAllLanes, value, lanes);
  return value;
}
__device__ __forceinline__ float WarpMax(float value) {
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2)
    value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, lanes));
  return value;
}
__device__ __forceinline__ uint64_t WarpMax(uint64_t value) {
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2)
    value = max(value, __shfl_xor_sync(kAllLanes, value, lanes));
  return value;
}

// Over the threads of a block, in an order that does not change; every thread gets the result.
// shared: one value a warp, free again after the next barrier.
template <int32_t kThreads, class T>
__device__ __forceinline__ T BlockSum(T value, T* shared) {
  static_assert(kThreads % kWarp == 0 && kThreads <= kWarp * kWarp);
  const int32_t lane = static_cast<int32_t>(threadIdx.x) % kWarp;
  value = WarpSum(value);
  if (lane == 0) shared[threadIdx.x / kWarp] = value;
  __syncthreads();
  return WarpSum(lane < kThreads / kWarp ? shared[lane] : T{});
}

}  // namespace ssd
