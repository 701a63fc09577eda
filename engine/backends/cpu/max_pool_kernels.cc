// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/max_pool_kernels.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/max_pool_kernels.cc"
#include <hwy/foreach_target.h>
// Highway wants its header after foreach_target.
#include <hwy/highway.h>

#include "backends/cpu/storage-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ssd::HWY_NAMESPACE {
namespace {

using Places = hn::RebindToSigned<F32>;
using Bytes = hn::Rebind<uint8_t, F32>;

HWY_INLINE hn::Vec<Places> PlaceOf(int64_t value) {
  return hn::Set(Places(), static_cast<int32_t>(value));
}

// One output: x is the image, (top, left) the window's first input, which may lie outside.
template <class T>
HWY_INLINE void PoolOne(const PoolShape& s, const T* x, int64_t top, int64_t left, T* y,
                        uint8_t* winner) {
  const int64_t row0 = std::max<int64_t>(top, 0), row1 = std::min(top + s.kernel, s.x_height);
  const int64_t col0 = std::max<int64_t>(left, 0), col1 = std::min(left + s.kernel, s.x_width);
  for (int64_t c = 0; c < s.channels; c += kLanes) {
    Vec best = Load(x + (row0 * s.x_width + col0) * s.channels + c);
    hn::Vec<Places> place = PlaceOf((row0 - top) * s.kernel + col0 - left);
    for (int64_t row = row0; row < row1; ++row) {
      for (int64_t col = col0; col < col1; ++col) {
        const Vec v = Load(x + (row * s.x_width + col) * s.channels + c);
        const Mask wins = hn::Gt(v, best);
        best = hn::IfThenElse(wins, v, best);
        place = hn::IfThenElse(hn::RebindMask(Places(), wins),
                               PlaceOf((row - top) * s.kernel + col - left), place);
      }
    }
    Store(best, y + c);
    if (winner != nullptr) hn::StoreU(hn::DemoteTo(Bytes(), place), Bytes(), winner + c);
  }
}

template <class T>
HWY_INLINE void PoolRowsOf(const PoolShape& s, const T* x, T* y, uint8_t* winner, int64_t begin,
                           int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const T* image = x + row / s.y_height * s.x_height * s.x_width * s.channels;
    const int64_t top = row % s.y_height * s.stride - s.pad;
    for (int64_t col = 0; col < s.y_width; ++col) {
      const int64_t i = (row * s.y_width + col) * s.channels;
      PoolOne(s, image, top, col * s.stride - s.pad, y + i,
              winner == nullptr ? nullptr : winner + i);
    }
  }
}

// Outputs along one axis whose window holds input i: [begin, end).
struct Reach {
  int64_t begin, end;
};
HWY_INLINE Reach ReachOf(int64_t i, int64_t size, const PoolShape& s) {
  const int64_t last = (i + s.pad) / s.stride;
  const int64_t before = i + s.pad - s.kernel;  // the last output that ends before i, times stride
  const int64_t first = before < 0 ? 0 : before / s.stride + 1;
  return {first, std::min(last + 1, size)};
}

template <class T>
HWY_INLINE void UnpoolRowsOf(const PoolShape& s, const T* const* dy, int64_t count,
                             const uint8_t* winner, T* dx, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const int64_t image = row / s.x_height, i = row % s.x_height;
    const Reach rows = ReachOf(i, s.y_height, s);
    for (int64_t j = 0; j < s.x_width; ++j) {
      const Reach cols = ReachOf(j, s.y_width, s);
      T* out = dx + (row * s.x_width + j) * s.channels;
      for (int64_t c = 0; c < s.channels; c += kLanes) {
        Vec sum = hn::Zero(F32());
        for (int64_t p = rows.begin; p < rows.end; ++p) {
          const int64_t down = (i + s.pad - p * s.stride) * s.kernel;
          for (int64_t q = cols.begin; q < cols.end; ++q) {
            const int64_t at = ((image * s.y_height + p) * s.y_width + q) * s.channels + c;
            const auto place = hn::PromoteTo(Places(), hn::LoadU(Bytes(), winner + at));
            const auto won = hn::Eq(place, PlaceOf(down + j + s.pad - q * s.stride));
            sum = hn::Add(sum,
                          hn::IfThenElseZero(hn::RebindMask(F32(), won), LoadSum(dy, count, at)));
          }
        }
        Store(sum, out + c);
      }
    }
  }
}

void PoolRowsF32(const PoolShape& s, const float* x, float* y, uint8_t* winner, int64_t begin,
                 int64_t end) {
  PoolRowsOf(s, x, y, winner, begin, end);
}
void PoolRowsBF16(const PoolShape& s, const bfloat16* x, bfloat16* y, uint8_t* winner,
                  int64_t begin, int64_t end) {
  PoolRowsOf(s, x, y, winner, begin, end);
}
void UnpoolRowsF32(const PoolShape& s, const float* const* dy, int64_t count, const uint8_t* winner,
                   float* dx, int64_t begin, int64_t end) {
  UnpoolRowsOf(s, dy, count, winner, dx, begin, end);
}
void UnpoolRowsBF16(const PoolShape& s, const bfloat16* const* dy, int64_t count,
                    const uint8_t* winner, bfloat16* dx, int64_t begin, int64_t end) {
  UnpoolRowsOf(s, dy, count, winner, dx, begin, end);
}

}  // namespace
}  // namespace ssd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ssd {

HWY_EXPORT(PoolRowsF32);
HWY_EXPORT(PoolRowsBF16);
HWY_EXPORT(UnpoolRowsF32);
HWY_EXPORT(UnpoolRowsBF16);

template <>
void PoolRows<float>(const PoolShape& shape, const float* x, float* y, uint8_t* winner,
                     int64_t begin, int64_t end) {
  HWY_DYNAMIC_DISPATCH(PoolRowsF32)(shape, x, y, winner, begin, end);
}
template <>
void PoolRows<bfloat16>(const PoolShape& shape, const bfloat16* x, bfloat16* y, uint8_t* winner,
                        int64_t begin, int64_t end) {
  HWY_DYNAMIC_DISPATCH(PoolRowsBF16)(shape, x, y, winner, begin, end);
}
template <>
void UnpoolRows<float>(const PoolShape& shape, const std::vector<const float*>& dy,
                       const uint8_t* winner, float* dx, int64_t begin, int64_t end) {
  const auto count = static_cast<int64_t>(dy.size());
  HWY_DYNAMIC_DISPATCH(UnpoolRowsF32)(shape, dy.data(), count, winner, dx, begin, end);
}
template <>
void UnpoolRows<bfloat16>(const PoolShape& shape, const std::vector<const bfloat16*>& dy,
                          const uint8_t* winner, bfloat16* dx, int64_t begin, int64_t end) {
  const auto count = static_cast<int64_t>(dy.size());
  HWY_DYNAMIC_DISPATCH(UnpoolRowsBF16)(shape, dy.data(), count, winner, dx, begin, end);
}

}  // namespace ssd
#endif
