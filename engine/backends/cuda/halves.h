// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_fp16.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "backends/cuda/check.h"

namespace ssd {

// What a thread reads and writes of f16 data at once: 16 bytes.
inline constexpr int kLanes = 8;
struct alignas(16) Halves {
  __half v[kLanes];
};

// What belongs to their channels in f32: loaded 16 bytes at a time.
struct alignas(16) Floats {
  float v[kLanes];
};
inline const Floats* AsFloats(const float* values) {
  return reinterpret_cast<const Floats*>(values);
}

// The terms of a gradient (OpArgs::dy), as a kernel takes them.
struct GradientTerms {
  static constexpr size_t kMost = 4;
  const Halves* term[kMost];
  size_t count;

  explicit GradientTerms(const std::vector<const void*>& terms) : term{}, count(terms.size()) {
    SSD_CHECK(!terms.empty() && terms.size() <= kMost);
    for (size_t t = 0; t < count; ++t) term[t] = static_cast<const Halves*>(terms[t]);
  }
  // sum[lane] += of the 8 values at i of each term.
  __host__ __device__ __forceinline__ void AddTo(float* sum, int64_t i) const {
    for (size_t t = 0; t < kMost; ++t) {  // a constant number: the terms stay in registers
      if (t >= count) continue;
      const Halves x = term[t][i];
      for (int lane = 0; lane < kLanes; ++lane) sum[lane] += __half2float(x.v[lane]);
    }
  }
};

__host__ __device__ __forceinline__ Halves ToHalves(const float* v) {
  Halves result;
  for (int lane = 0; lane < kLanes; ++lane) result.v[lane] = __float2half_rn(v[lane]);
  return result;
}

}  // namespace ssd
