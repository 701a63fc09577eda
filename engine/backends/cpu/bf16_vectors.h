// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "core/bfloat16.h"

// On a function of vectors: compiled for AVX-512 whatever the rest of the file is for.
#define SSD_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define SSD_AVX512_INLINE SSD_AVX512 __attribute__((always_inline)) static inline

// 16 values of f32, and how bf16 becomes them and they become it again, to the nearest.
namespace ssd::winograd {

using V = __m512;
constexpr int64_t kLanes = 16;
typedef uint32_t Words __attribute__((vector_size(64)));
typedef uint16_t Halves __attribute__((vector_size(32)));

SSD_AVX512_INLINE Words Widen(Halves v) { return __builtin_convertvector(v, Words); }
SSD_AVX512_INLINE V Load(const bfloat16* p) {
  Halves half;
  std::memcpy(&half, p, sizeof half);
  return reinterpret_cast<V>(Widen(half) << 16);
}
// As bfloat16::From.
SSD_AVX512_INLINE Halves Round(V v) {
  const auto u = reinterpret_cast<Words>(v);
  const Words rounded = u + 0x7fff + (u >> 16 & 1), quiet = u | 0x400000;
  return __builtin_convertvector((v == v ? rounded : quiet) >> 16, Halves);
}

}  // namespace ssd::winograd
