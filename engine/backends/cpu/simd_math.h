// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "core/vector_clones.h"

// Sixteen floats in the compiler's vector type: one source for every instruction set, the same
// lanes and so the same sums everywhere. For use inside functions marked SSD_VECTOR_CLONES.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // nothing here is called, everything is inlined

namespace ssd::simd {

inline constexpr int64_t kLanes = 16;
typedef float Floats __attribute__((vector_size(64)));
typedef int32_t Ints __attribute__((vector_size(64)));

SSD_INLINE Floats Load(const float* p) {
  Floats v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
SSD_INLINE void Store(float* p, const Floats& v) { std::memcpy(p, &v, sizeof v); }
SSD_INLINE Floats Max(const Floats& a, const Floats& b) { return a > b ? a : b; }

SSD_INLINE float MaxOf(const Floats& v) {
  float m[8];
  for (int i = 0; i < 8; ++i) m[i] = v[i] > v[i + 8] ? v[i] : v[i + 8];
  for (int i = 0; i < 4; ++i) m[i] = m[i] > m[i + 4] ? m[i] : m[i + 4];
  const float low = m[0] > m[2] ? m[0] : m[2], high = m[1] > m[3] ? m[1] : m[3];
  return low > high ? low : high;
}

// Pairwise, in a fixed order.
SSD_INLINE float SumOf(const Floats& v) {
  float s[8];
  for (int i = 0; i < 8; ++i) s[i] = v[i] + v[i + 8];
  for (int i = 0; i < 4; ++i) s[i] += s[i + 4];
  return (s[0] + s[2]) + (s[1] + s[3]);
}

// e^x for x <= 0 within about 1 ulp; below -87 it stays at e^-87 (1.6e-38); NaN stays NaN.
// x = n ln 2 + r, |r| <= ln 2 / 2; e^r by a minimax polynomial, 2^n by its exponent bits.
SSD_INLINE Floats ExpNonPositive(const Floats& value) {
  const Floats x = value < -87.0f ? Floats{} - 87.0f : value;
  const Floats shifted = x * 1.44269504088896341f + 12582912.0f;  // 1.5 * 2^23 rounds to an integer
  const Floats n = shifted - 12582912.0f;
  const Floats r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Floats p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const Ints bits = (std::bit_cast<Ints>(shifted) - 0x4B400000 + 127) << 23;
  return p * std::bit_cast<Floats>(bits);
}

}  // namespace ssd::simd

#pragma GCC diagnostic pop
