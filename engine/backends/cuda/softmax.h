// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>

#include "backends/backend.h"
#include "backends/cuda/reduce.h"

namespace ssd {

inline constexpr int32_t kScores = kClasses;
// A lane's classes: lane, lane + 32 and lane + 64.
inline constexpr int32_t kPerLane = 3;
static_assert((kPerLane - 1) * kWarp < kScores && kScores <= kPerLane * kWarp);

// The softmax of a default box's scores, by all lanes of a warp.
struct Softmax {
  float largest, sum;  // of the scores; of exp(score - largest)
  float e[kPerLane];   // of this lane's classes, 0 beyond the last
};
__device__ __forceinline__ Softmax WarpSoftmax(const float* score, int32_t lane) {
  Softmax s;
  s.largest = -INFINITY;
  for (int32_t i = 0; i < kPerLane; ++i) {
    const int32_t c = lane + i * kWarp;
    s.e[i] = c < kScores ? score[c] : -INFINITY;
    s.largest = fmaxf(s.largest, s.e[i]);
  }
  s.largest = WarpMax(s.largest);
  s.sum = 0;
  for (int32_t i = 0; i < kPerLane; ++i) {
    s.e[i] = lane + i * kWarp < kScores ? expf(s.e[i] - s.largest) : 0;
    s.sum += s.e[i];
  }
  s.sum = WarpSum(s.sum);
  return s;
}

}  // namespace ssd
