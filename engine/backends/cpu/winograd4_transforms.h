// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "backends/cpu/bf16_vectors.h"

// The transforms of F(4x4,3x3), of 16 channels: y = A^T [(G g G^T) . (B^T d B)] A, with the points
// 0, 1, -1, 2, -2 and infinity (Lavin and Gray, "Fast Algorithms for Convolutional Neural
// Networks", 2015). Each is one function of a row or a column, used twice.
namespace ssd::winograd4 {

using winograd::V;

SSD_AVX512_INLINE V Splat(float value) { return _mm512_set1_ps(value); }

// B^T
SSD_AVX512_INLINE void Input(const V (&d)[6], V (&v)[6]) {
  const V even = d[4] - Splat(4) * d[2], odd = d[3] - Splat(4) * d[1];
  const V inner = d[4] - d[2], outer = Splat(2) * (d[3] - d[1]);
  v[0] = Splat(4) * d[0] - Splat(5) * d[2] + d[4];
  v[1] = even + odd;
  v[2] = even - odd;
  v[3] = inner + outer;
  v[4] = inner - outer;
  v[5] = Splat(4) * d[1] - Splat(5) * d[3] + d[5];
}
// A^T
SSD_AVX512_INLINE void Output(const V (&m)[6], V (&y)[4]) {
  const V sum1 = m[1] + m[2], difference1 = m[1] - m[2];
  const V sum2 = m[3] + m[4], difference2 = m[3] - m[4];
  y[0] = m[0] + sum1 + sum2;
  y[1] = difference1 + Splat(2) * difference2;
  y[2] = sum1 + Splat(4) * sum2;
  y[3] = difference1 + Splat(8) * difference2 + m[5];
}
// A
SSD_AVX512_INLINE void OutputGradient(const V (&y)[4], V (&v)[6]) {
  const V even1 = y[0] + y[2], odd1 = y[1] + y[3];
  const V even2 = y[0] + Splat(4) * y[2], odd2 = Splat(2) * y[1] + Splat(8) * y[3];
  v[0] = y[0];
  v[1] = even1 + odd1;
  v[2] = even1 - odd1;
  v[3] = even2 + odd2;
  v[4] = even2 - odd2;
  v[5] = y[3];
}
// G
SSD_AVX512_INLINE void Filter(const V (&g)[3], V (&u)[6]) {
  const V near = g[0] + g[2], far = g[0] + Splat(4) * g[2], odd = Splat(2) * g[1];
  u[0] = g[0] / Splat(4);
  u[1] = (near + g[1]) / Splat(-6);
  u[2] = (near - g[1]) / Splat(-6);
  u[3] = (far + odd) / Splat(24);
  u[4] = (far - odd) / Splat(24);
  u[5] = g[2];
}
// G^T
SSD_AVX512_INLINE void FilterGradient(const V (&m)[6], V (&g)[3]) {
  const V sum1 = m[1] + m[2], difference1 = m[2] - m[1];
  const V sum2 = m[3] + m[4], difference2 = m[3] - m[4];
  g[0] = m[0] / Splat(4) - sum1 / Splat(6) + sum2 / Splat(24);
  g[1] = difference1 / Splat(6) + difference2 / Splat(12);
  g[2] = (sum2 - sum1) / Splat(6) + m[5];
}

// Of a square: of every column, then of every row.
template <auto kTransform, int kFrom, int kTo>
SSD_AVX512_INLINE void Square(const V (&from)[kFrom][kFrom], V (&to)[kTo][kTo]) {
  V half[kTo][kFrom];
  for (int j = 0; j < kFrom; ++j) {
    V column[kFrom], result[kTo];
    for (int i = 0; i < kFrom; ++i) column[i] = from[i][j];
    kTransform(column, result);
    for (int i = 0; i < kTo; ++i) half[i][j] = result[i];
  }
  for (int i = 0; i < kTo; ++i) kTransform(half[i], to[i]);
}

}  // namespace ssd::winograd4
