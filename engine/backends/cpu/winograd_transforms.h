// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "backends/cpu/bf16_vectors.h"
#include "backends/cpu/winograd_kernels.h"

// On a function of vectors that multiplies bf16.
#define SSD_BF16_DOT __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define SSD_BF16_DOT_INLINE SSD_BF16_DOT __attribute__((always_inline)) static inline

// The transforms of F(2x2,3x3), of 16 channels: y = A^T [(G g G^T) . (B^T d B)] A.
namespace ssd::winograd {

SSD_BF16_DOT_INLINE Halves RoundAtOnce(V v) {
  return reinterpret_cast<Halves>(_mm512_cvtneps_pbh(v));
}
SSD_BF16_DOT_INLINE void Store(V v, bfloat16* p) {
  const Halves half = RoundAtOnce(v);
  std::memcpy(p, &half, sizeof half);
}
SSD_BF16_DOT_INLINE void StorePair(V a, V b, Pair* p) {
  const Words pair = Widen(RoundAtOnce(a)) | Widen(RoundAtOnce(b)) << 16;
  std::memcpy(p, &pair, sizeof pair);
}
SSD_BF16_DOT_INLINE V Half(V v) { return _mm512_mul_ps(v, _mm512_set1_ps(0.5f)); }

// B^T d B
SSD_BF16_DOT_INLINE void TransformInput(const V (&d)[4][4], V (&v)[4][4]) {
  V t[4][4];
  for (int j = 0; j < 4; ++j) {
    t[0][j] = d[0][j] - d[2][j];
    t[1][j] = d[1][j] + d[2][j];
    t[2][j] = d[2][j] - d[1][j];
    t[3][j] = d[1][j] - d[3][j];
  }
  for (int i = 0; i < 4; ++i) {
    v[i][0] = t[i][0] - t[i][2];
    v[i][1] = t[i][1] + t[i][2];
    v[i][2] = t[i][2] - t[i][1];
    v[i][3] = t[i][1] - t[i][3];
  }
}
// A^T m A
SSD_BF16_DOT_INLINE void TransformOutput(const V (&m)[4][4], V (&y)[2][2]) {
  V t[2][4];
  for (int j = 0; j < 4; ++j) {
    t[0][j] = m[0][j] + m[1][j] + m[2][j];
    t[1][j] = m[1][j] - m[2][j] - m[3][j];
  }
  for (int i = 0; i < 2; ++i) {
    y[i][0] = t[i][0] + t[i][1] + t[i][2];
    y[i][1] = t[i][1] - t[i][2] - t[i][3];
  }
}
// A y A^T
SSD_BF16_DOT_INLINE void TransformOutputGradient(const V (&y)[2][2], V (&v)[4][4]) {
  V t[4][2];
  for (int j = 0; j < 2; ++j) {
    t[0][j] = y[0][j];
    t[1][j] = y[0][j] + y[1][j];
    t[2][j] = y[0][j] - y[1][j];
    t[3][j] = -y[1][j];
  }
  for (int i = 0; i < 4; ++i) {
    v[i][0] = t[i][0];
    v[i][1] = t[i][0] + t[i][1];
    v[i][2] = t[i][0] - t[i][1];
    v[i][3] = -t[i][1];
  }
}
// G g G^T
SSD_BF16_DOT_INLINE void TransformFilter(const V (&g)[3][3], V (&u)[4][4]) {
  V t[4][3];
  for (int j = 0; j < 3; ++j) {
    const V outer = g[0][j] + g[2][j];
    t[0][j] = g[0][j];
    t[1][j] = Half(outer + g[1][j]);
    t[2][j] = Half(outer - g[1][j]);
    t[3][j] = g[2][j];
  }
  for (int i = 0; i < 4; ++i) {
    const V outer = t[i][0] + t[i][2];
    u[i][0] = t[i][0];
    u[i][1] = Half(outer + t[i][1]);
    u[i][2] = Half(outer - t[i][1]);
    u[i][3] = t[i][2];
  }
}
// G^T m G
SSD_BF16_DOT_INLINE void TransformFilterGradient(const V (&m)[4][4], V (&g)[3][3]) {
  V t[3][4];
  for (int j = 0; j < 4; ++j) {
    const V inner = Half(m[1][j] + m[2][j]);
    t[0][j] = m[0][j] + inner;
    t[1][j] = Half(m[1][j] - m[2][j]);
    t[2][j] = inner + m[3][j];
  }
  for (int i = 0; i < 3; ++i) {
    const V inner = Half(t[i][1] + t[i][2]);
    g[i][0] = t[i][0] + inner;
    g[i][1] = Half(t[i][1] - t[i][2]);
    g[i][2] = inner + t[i][3];
  }
}

}  // namespace ssd::winograd
