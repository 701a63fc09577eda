// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "core/bfloat16.h"

namespace ssd {

// Passes of BatchNorm over rows [begin, end) of channels-last data: row r, channel c is element
// r * channels + c. channels is a multiple of 16. T is float or bfloat16; sums and arithmetic are
// f32, totals double. Masks hold one bit an element. Vectorised by Highway for each instruction
// set, single-threaded.
template <class T>
struct BatchNormData {
  int64_t channels;
  const T* x;
  const float* mean;  // [channels]
};

// sum[0][c] += sum of (x - shift), sum[1][c] += sum of its square; partial is scratch: f32
// [2][channels].
template <class T>
void AddStatistics(const T* x, int64_t channels, const float* shift, int64_t begin, int64_t end,
                   float* partial, double* sum);

template <class T>
struct BatchNormOutput {
  T* y;
  const T* residual;  // or null
  uint8_t* mask;      // gets y > 0, or null
  bool relu;
  const T* residual_rest = nullptr;  // added to the residual, too; or null
  T* rest = nullptr;                 // gets what rounding took from y; or null
};
// y = relu?((x - mean) scale + shift + residual?)
template <class T>
void Normalise(const BatchNormData<T>& data, const float* scale, const float* shift,
               const BatchNormOutput<T>& out, int64_t begin, int64_t end);

// The gradient of y: the sum of terms, zero where mask (if not null) has no bit.
template <class T>
struct BatchNormGradient {
  std::vector<const T*> terms;
  const uint8_t* mask;
};
// sum[0][c] += sum of dy, sum[1][c] += sum of dy (x - mean); with dresidual, writes dy there. dy is
// rounded to T first when dresidual is written, so that all that follows sees the same gradient.
template <class T>
void AddGradientSums(const BatchNormData<T>& data, const BatchNormGradient<T>& dy, T* dresidual,
                     int64_t begin, int64_t end, float* partial, double* sum);

// dx = a dy + b (x - mean) + c, all [channels].
struct BatchNormSlope {
  const float *a, *b, *c;
};
template <class T>
void InputGradient(const BatchNormData<T>& data, const BatchNormGradient<T>& dy,
                   const BatchNormSlope& slope, T* dx, int64_t begin, int64_t end);

}  // namespace ssd
