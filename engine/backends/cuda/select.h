// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "backends/cuda/reduce.h"

namespace ssd {

inline constexpr int32_t kDigitBits = 8, kDigits = 1 << kDigitBits;

// Shared memory of SelectKey.
struct SelectMemory {
  int32_t count[kDigits];
  uint64_t prefix;
  int32_t rank;
};

// The rank-th highest (from 1) of the distinct keys key_at(0..size-1), exactly: digit by digit from
// the top, each by a histogram. All threads of a block call it and get the result.
// REQUIRES: 1 <= rank <= size, keys below 2^kKeyBits.
template <int32_t kThreads, int32_t kKeyBits, class KeyAt>
__device__ __forceinline__ uint64_t SelectKey(int32_t size, int32_t rank, SelectMemory* shared,
                                              const KeyAt& key_at) {
  constexpr int32_t kTopShift = (kKeyBits - 1) / kDigitBits * kDigitBits;
  const int32_t thread = static_cast<int32_t>(threadIdx.x);
  uint64_t prefix = 0;  // the digits found, in their places
  uint64_t found = 0;   // a one for each of their bits
  for (int32_t shift = kTopShift; shift >= 0; shift -= kDigitBits) {
    for (int32_t d = thread; d < kDigits; d += kThreads) shared->count[d] = 0;
    __syncthreads();
    for (int32_t a = thread; a < size; a += kThreads) {
      const uint64_t key = key_at(a);
      if (((key ^ prefix) & found) == 0) atomicAdd(&shared->count[key >> shift & (kDigits - 1)], 1);
    }
    __syncthreads();
    if (thread < kWarp) {
      // Lane l holds the digits 8l .. 8l+7; ranks run from the highest digit down.
      constexpr int32_t kPart = kDigits / kWarp;
      int32_t mine = 0;
      for (int32_t d = 0; d < kPart; ++d) mine += shared->count[thread * kPart + d];
      int32_t above = 0;
      for (int32_t lane = 0; lane < kWarp; ++lane) {
        const int32_t other = __shfl_sync(kAllLanes, mine, lane);
        if (lane > thread) above += other;
      }
      if (above < rank && rank <= above + mine) {
        int32_t d = thread * kPart + kPart - 1;
        while (above + shared->count[d] < rank) above += shared->count[d--];
        shared->prefix = prefix | static_cast<uint64_t>(d) << shift;
        shared->rank = rank - above;
      }
    }
    __syncthreads();
    prefix = shared->prefix;
    rank = shared->rank;
    found |= static_cast<uint64_t>(kDigits - 1) << shift;
  }
  return prefix;
}

}  // namespace ssd
