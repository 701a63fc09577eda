// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// f32 vectors from and to stored activations, and bit masks of 16 channels. Included once for each
// instruction set by Highway's foreach_target.
#if defined(SSD_STORAGE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SSD_STORAGE_INL_H_
#undef SSD_STORAGE_INL_H_
#else
#define SSD_STORAGE_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <cstring>

#include "core/bfloat16.h"

HWY_BEFORE_NAMESPACE();
namespace ssd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::CappedTag<float, 16>;
using Vec = hn::Vec<F32>;
using Mask = hn::Mask<F32>;
constexpr int64_t kLanes = hn::MaxLanes(F32());
static_assert(kLanes == 4 || kLanes == 8 || kLanes == 16);

HWY_INLINE Vec Load(const float* p) { return hn::LoadU(F32(), p); }
HWY_INLINE Vec Load(const bfloat16* p) {
  const hn::Rebind<uint16_t, F32> half;
  const hn::RebindToUnsigned<F32> word;
  const auto bits = hn::LoadU(half, reinterpret_cast<const uint16_t*>(p));
  return hn::BitCast(F32(), hn::ShiftLeft<16>(hn::PromoteTo(word, bits)));
}

// The upper half of each word: v as bf16, rounded to nearest, ties to even. The NaNs that
// arithmetic makes stay NaN. The lower half is anything.
HWY_INLINE hn::Vec<hn::RebindToUnsigned<F32>> RoundUpperHalf(Vec v) {
  const hn::RebindToUnsigned<F32> word;
  const auto bits = hn::BitCast(word, v);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(word, 1));
  return hn::Add(hn::Add(bits, hn::Set(word, 0x7fff)), odd);
}
// What is left of v when it is stored at p.
HWY_INLINE Vec Rounded(Vec v, const float*) { return v; }
HWY_INLINE Vec Rounded(Vec v, const bfloat16*) {
  const auto upper = hn::Set(hn::RebindToUnsigned<F32>(), 0xffff0000);
  return hn::BitCast(F32(), hn::And(RoundUpperHalf(v), upper));
}

HWY_INLINE void Store(Vec v, float* p) { hn::StoreU(v, F32(), p); }
HWY_INLINE void Store(Vec v, bfloat16* p) {
  const hn::Rebind<uint16_t, F32> half;
  const auto upper = hn::ShiftRight<16>(RoundUpperHalf(v));
  hn::StoreU(hn::DemoteTo(half, hn::BitCast(hn::RebindToSigned<F32>(), upper)), half,
             reinterpret_cast<uint16_t*>(p));
}
// Two vectors side by side.
HWY_INLINE void Store(Vec low, Vec high, float* p) {
  Store(low, p);
  Store(high, p + kLanes);
}
HWY_INLINE void Store(Vec low, Vec high, bfloat16* p) {
  const hn::Repartition<uint16_t, F32> half;
  const auto words = hn::ConcatOdd(half, hn::BitCast(half, RoundUpperHalf(high)),
                                   hn::BitCast(half, RoundUpperHalf(low)));
  hn::StoreU(words, half, reinterpret_cast<uint16_t*>(p));
}

// Bit i of the mask belongs to element i; i is a multiple of kLanes.
HWY_INLINE void StoreMask(Mask m, uint8_t* bits, int64_t i) {
  uint8_t part[8];
  hn::StoreMaskBits(F32(), m, part);
  if constexpr (kLanes >= 8) {
    std::memcpy(bits + i / 8, part, kLanes / 8);
  } else {
    bits[i / 8] = i % 8 == 0 ? part[0] : static_cast<uint8_t>(bits[i / 8] | part[0] << 4);
  }
}
HWY_INLINE Mask LoadMask(const uint8_t* bits, int64_t i) {
  uint8_t part[8] = {};
  if constexpr (kLanes >= 8) {
    std::memcpy(part, bits + i / 8, kLanes / 8);
  } else {
    part[0] = static_cast<uint8_t>(i % 8 == 0 ? bits[i / 8] & 15 : bits[i / 8] >> 4);
  }
  return hn::LoadMaskBits(F32(), part);
}

// Element i .. i + kLanes - 1 of a sum of terms.
template <class T>
HWY_INLINE Vec LoadSum(const T* const* terms, int64_t count, int64_t i) {
  Vec sum = Load(terms[0] + i);
  for (int64_t t = 1; t < count; ++t) sum = hn::Add(sum, Load(terms[t] + i));
  return sum;
}

}  // namespace ssd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
