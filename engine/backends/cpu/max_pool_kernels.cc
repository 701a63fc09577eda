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

constexpr int64_t kMaxWindows = 225;  // over one input: 15 x 15, stride 1

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

// The outputs [begin, end) along one axis whose windows hold input i, for growing i: no division.
class Reach {
 public:
  Reach(const PoolShape& shape, int64_t y_size) : shape_(shape), size_(y_size) {}
  HWY_INLINE void MoveTo(int64_t i) {
    const int64_t at = i + shape_.pad;
    while (end_ < size_ && end_ * shape_.stride <= at) ++end_;
    while (begin_ < end_ && begin_ * shape_.stride + shape_.kernel <= at) ++begin_;
  }
  int64_t begin() const { return begin_; }
  int64_t end() const { return end_; }

 private:
  const PoolShape& shape_;
  const int64_t size_;
  int64_t begin_ = 0, end_ = 0;
};

// The outputs whose windows hold an input: where their pixel starts, and the input's place there.
struct Windows {
  int64_t at[kMaxWindows];
  int64_t place[kMaxWindows];
  int64_t count = 0;
};
HWY_INLINE void FindWindows(const PoolShape& s, int64_t image, int64_t i, int64_t j,
                            const Reach& rows, const Reach& cols, Windows& found) {
  found.count = 0;
  for (int64_t p = rows.begin(); p < rows.end(); ++p) {
    for (int64_t q = cols.begin(); q < cols.end(); ++q) {
      found.at[found.count] = ((image * s.y_height + p) * s.y_width + q) * s.channels;
      found.place[found.count++] = (i + s.pad - p * s.stride) * s.kernel + j + s.pad - q * s.stride;
    }
  }
}

// One input from its windows; kCount of them, or from.count if that is 0.
template <int64_t kCount, class T>
HWY_INLINE void UnpoolOne(const Windows& from, const T* const* dy, int64_t terms,
                          const uint8_t* winner, int64_t channels, T* out) {
  const int64_t count = kCount == 0 ? from.count : kCount;
  for (int64_t c = 0; c < channels; c += kLanes) {
    Vec sum = hn::Zero(F32());
    for (int64_t k = 0; k < count; ++k) {
      const int64_t at = from.at[k] + c;
      const auto place = hn::PromoteTo(Places(), hn::LoadU(Bytes(), winner + at));
      const auto won = hn::RebindMask(F32(), hn::Eq(place, PlaceOf(from.place[k])));
      sum = hn::Add(sum, hn::IfThenElseZero(won, LoadSum(dy, terms, at)));
    }
    Store(sum, out + c);
  }
}

template <class T>
HWY_INLINE void UnpoolRowsOf(const PoolShape& s, const T* const* dy, int64_t terms,
                             const uint8_t* winner, T* dx, int64_t begin, int64_t end) {
  Windows from;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t image = row / s.x_height, i = row % s.x_height;
    Reach rows(s, s.y_height), cols(s, s.y_width);
    rows.MoveTo(i);
    for (int64_t j = 0; j < s.x_width; ++j) {
      cols.MoveTo(j);
      FindWindows(s, image, i, j, rows, cols, from);
      T* out = dx + (row * s.x_width + j) * s.channels;
      switch (from.count) {
        case 1:
          UnpoolOne<1>(from, dy, terms, winner, s.channels, out);
          break;
        case 2:
          UnpoolOne<2>(from, dy, terms, winner, s.channels, out);
          break;
        case 4:
          UnpoolOne<4>(from, dy, terms, winner, s.channels, out);
          break;
        default:
          UnpoolOne<0>(from, dy, terms, winner, s.channels, out);
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
