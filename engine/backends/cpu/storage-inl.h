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

HWY_INLINE void Store(Vec v, float* p) { hn::StoreU(v, F32(), p); }
// Rounds to nearest, ties to even. The NaNs that arithmetic makes stay NaN.
HWY_INLINE void Store(Vec v, bfloat16* p) {
  const hn::Rebind<uint16_t, F32> half;
  const hn::RebindToUnsigned<F32> word;
  const hn::RebindToSigned<F32> integer;
  const auto bits = hn::BitCast(word, v);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(word, 1));
  const auto rounded = hn::ShiftRight<16>(hn::Add(hn::Add(bits, hn::Set(word, 0x7fff)), odd));
  hn::StoreU(hn::DemoteTo(half, hn::BitCast(integer, rounded)), half,
             reinterpret_cast<uint16_t*>(p));
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
