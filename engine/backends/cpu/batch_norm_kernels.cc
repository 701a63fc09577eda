// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/batch_norm_kernels.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/batch_norm_kernels.cc"
#include <hwy/foreach_target.h>
// Highway wants its header after foreach_target.
#include <hwy/highway.h>

#include "backends/cpu/storage-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ssd::HWY_NAMESPACE {
namespace {

// f32 sums run over this many rows before they go to double.
constexpr int64_t kChunkRows = 128;
// Rows that share one pass over the per-channel values.
constexpr int64_t kRows = 4;

void Flush(const float* partial, int64_t n, double* sum) {
  for (int64_t i = 0; i < n; ++i) sum[i] += static_cast<double>(partial[i]);
}

template <class T, int64_t R>
HWY_INLINE void StatisticsOf(const T* x, int64_t channels, const float* shift, float* partial) {
  for (int64_t c = 0; c < channels; c += kLanes) {
    const Vec s = Load(shift + c);
    Vec sum = Load(partial + c), square = Load(partial + channels + c);
    for (int64_t r = 0; r < R; ++r) {
      const Vec d = hn::Sub(Load(x + r * channels + c), s);
      sum = hn::Add(sum, d);
      square = hn::MulAdd(d, d, square);
    }
    Store(sum, partial + c);
    Store(square, partial + channels + c);
  }
}

template <class T>
HWY_INLINE void AddStatisticsOf(const T* x, int64_t channels, const float* shift, int64_t begin,
                                int64_t end, float* partial, double* sum) {
  for (int64_t first = begin; first < end; first += kChunkRows) {
    const int64_t last = std::min(first + kChunkRows, end);
    std::fill_n(partial, 2 * channels, 0.0f);
    int64_t row = first;
    for (; row + kRows <= last; row += kRows)
      StatisticsOf<T, kRows>(x + row * channels, channels, shift, partial);
    for (; row < last; ++row) StatisticsOf<T, 1>(x + row * channels, channels, shift, partial);
    Flush(partial, 2 * channels, sum);
  }
}

template <class T, int64_t R, bool kRelu, bool kResidual>
HWY_INLINE void NormaliseRows(const BatchNormData<T>& data, const float* scale, const float* shift,
                              const BatchNormOutput<T>& out, int64_t row) {
  const int64_t channels = data.channels;
  for (int64_t c = 0; c < channels; c += kLanes) {
    const Vec mean = Load(data.mean + c), a = Load(scale + c), b = Load(shift + c);
    for (int64_t r = 0; r < R; ++r) {
      const int64_t i = (row + r) * channels + c;
      Vec v = hn::MulAdd(hn::Sub(Load(data.x + i), mean), a, b);
      if constexpr (kResidual) v = hn::Add(v, Load(out.residual + i));
      if constexpr (kRelu) {
        const Vec zero = hn::Zero(F32());
        if (out.mask != nullptr) StoreMask(hn::Gt(v, zero), out.mask, i);
        v = hn::Max(zero, v);  // in this order NaN stays
      }
      Store(v, out.y + i);
    }
  }
}

template <class T, bool kRelu, bool kResidual>
HWY_INLINE void NormaliseAs(const BatchNormData<T>& data, const float* scale, const float* shift,
                            const BatchNormOutput<T>& out, int64_t begin, int64_t end) {
  int64_t row = begin;
  for (; row + kRows <= end; row += kRows)
    NormaliseRows<T, kRows, kRelu, kResidual>(data, scale, shift, out, row);
  for (; row < end; ++row) NormaliseRows<T, 1, kRelu, kResidual>(data, scale, shift, out, row);
}

template <class T>
HWY_INLINE void NormaliseOf(const BatchNormData<T>& data, const float* scale, const float* shift,
                            const BatchNormOutput<T>& out, int64_t begin, int64_t end) {
  if (out.relu) {
    if (out.residual != nullptr) {
      NormaliseAs<T, true, true>(data, scale, shift, out, begin, end);
    } else {
      NormaliseAs<T, true, false>(data, scale, shift, out, begin, end);
    }
  } else if (out.residual != nullptr) {
    NormaliseAs<T, false, true>(data, scale, shift, out, begin, end);
  } else {
    NormaliseAs<T, false, false>(data, scale, shift, out, begin, end);
  }
}

template <class T>
HWY_INLINE Vec LoadGradient(const T* const* terms, int64_t count, const uint8_t* mask, int64_t i) {
  const Vec sum = LoadSum(terms, count, i);
  return mask == nullptr ? sum : hn::IfThenElseZero(LoadMask(mask, i), sum);
}

template <class T, int64_t R>
HWY_INLINE void GradientSumsOf(const BatchNormData<T>& data, const BatchNormGradient<T>& dy,
                               T* dresidual, int64_t row, float* partial) {
  const int64_t channels = data.channels;
  const T* const* terms = dy.terms.data();
  const int64_t count = static_cast<int64_t>(dy.terms.size());
  for (int64_t c = 0; c < channels; c += kLanes) {
    const Vec mean = Load(data.mean + c);
    Vec sum = Load(partial + c), product = Load(partial + channels + c);
    for (int64_t r = 0; r < R; ++r) {
      const int64_t i = (row + r) * channels + c;
      Vec g = LoadGradient(terms, count, dy.mask, i);
      if (dresidual != nullptr) {
        Store(g, dresidual + i);
        g = Load(dresidual + i);
      }
      sum = hn::Add(sum, g);
      product = hn::MulAdd(g, hn::Sub(Load(data.x + i), mean), product);
    }
    Store(sum, partial + c);
    Store(product, partial + channels + c);
  }
}

template <class T>
HWY_INLINE void AddGradientSumsOf(const BatchNormData<T>& data, const BatchNormGradient<T>& dy,
                                  T* dresidual, int64_t begin, int64_t end, float* partial,
                                  double* sum) {
  for (int64_t first = begin; first < end; first += kChunkRows) {
    const int64_t last = std::min(first + kChunkRows, end);
    std::fill_n(partial, 2 * data.channels, 0.0f);
    int64_t row = first;
    for (; row + kRows <= last; row += kRows)
      GradientSumsOf<T, kRows>(data, dy, dresidual, row, partial);
    for (; row < last; ++row) GradientSumsOf<T, 1>(data, dy, dresidual, row, partial);
    Flush(partial, 2 * data.channels, sum);
  }
}

template <class T, int64_t R>
HWY_INLINE void InputGradientRows(const BatchNormData<T>& data, const BatchNormGradient<T>& dy,
                                  const BatchNormSlope& slope, T* dx, int64_t row) {
  const int64_t channels = data.channels;
  const T* const* terms = dy.terms.data();
  const int64_t count = static_cast<int64_t>(dy.terms.size());
  for (int64_t c = 0; c < channels; c += kLanes) {
    const Vec mean = Load(data.mean + c);
    const Vec slope_a = Load(slope.a + c), slope_b = Load(slope.b + c), slope_c = Load(slope.c + c);
    for (int64_t r = 0; r < R; ++r) {
      const int64_t i = (row + r) * channels + c;
      const Vec g = LoadGradient(terms, count, dy.mask, i);
      const Vec d = hn::Sub(Load(data.x + i), mean);
      Store(hn::MulAdd(slope_a, g, hn::MulAdd(slope_b, d, slope_c)), dx + i);
    }
  }
}

template <class T>
HWY_INLINE void InputGradientOf(const BatchNormData<T>& data, const BatchNormGradient<T>& dy,
                                const BatchNormSlope& slope, T* dx, int64_t begin, int64_t end) {
  int64_t row = begin;
  for (; row + kRows <= end; row += kRows) InputGradientRows<T, kRows>(data, dy, slope, dx, row);
  for (; row < end; ++row) InputGradientRows<T, 1>(data, dy, slope, dx, row);
}

#define SSD_INSTANTIATE(NAME, T)                                                             \
  void AddStatistics##NAME(const T* x, int64_t channels, const float* shift, int64_t begin,  \
                           int64_t end, float* partial, double* sum) {                       \
    AddStatisticsOf(x, channels, shift, begin, end, partial, sum);                           \
  }                                                                                          \
  void Normalise##NAME(const BatchNormData<T>& data, const float* scale, const float* shift, \
                       const BatchNormOutput<T>& out, int64_t begin, int64_t end) {          \
    NormaliseOf(data, scale, shift, out, begin, end);                                        \
  }                                                                                          \
  void AddGradientSums##NAME(const BatchNormData<T>& data, const BatchNormGradient<T>& dy,   \
                             T* dresidual, int64_t begin, int64_t end, float* partial,       \
                             double* sum) {                                                  \
    AddGradientSumsOf(data, dy, dresidual, begin, end, partial, sum);                        \
  }                                                                                          \
  void InputGradient##NAME(const BatchNormData<T>& data, const BatchNormGradient<T>& dy,     \
                           const BatchNormSlope& slope, T* dx, int64_t begin, int64_t end) { \
    InputGradientOf(data, dy, slope, dx, begin, end);                                        \
  }

SSD_INSTANTIATE(F32, float)
SSD_INSTANTIATE(BF16, bfloat16)
#undef SSD_INSTANTIATE

}  // namespace
}  // namespace ssd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ssd {

#define SSD_DISPATCH(NAME, T)                                                                      \
  HWY_EXPORT(AddStatistics##NAME);                                                                 \
  HWY_EXPORT(Normalise##NAME);                                                                     \
  HWY_EXPORT(AddGradientSums##NAME);                                                               \
  HWY_EXPORT(InputGradient##NAME);                                                                 \
  template <>                                                                                      \
  void AddStatistics<T>(const T* x, int64_t channels, const float* shift, int64_t begin,           \
                        int64_t end, float* partial, double* sum) {                                \
    HWY_DYNAMIC_DISPATCH(AddStatistics##NAME)(x, channels, shift, begin, end, partial, sum);       \
  }                                                                                                \
  template <>                                                                                      \
  void Normalise<T>(const BatchNormData<T>& data, const float* scale, const float* shift,          \
                    const BatchNormOutput<T>& out, int64_t begin, int64_t end) {                   \
    HWY_DYNAMIC_DISPATCH(Normalise##NAME)(data, scale, shift, out, begin, end);                    \
  }                                                                                                \
  template <>                                                                                      \
  void AddGradientSums<T>(const BatchNormData<T>& data, const BatchNormGradient<T>& dy,            \
                          T* dresidual, int64_t begin, int64_t end, float* partial, double* sum) { \
    HWY_DYNAMIC_DISPATCH(AddGradientSums##NAME)(data, dy, dresidual, begin, end, partial, sum);    \
  }                                                                                                \
  template <>                                                                                      \
  void InputGradient<T>(const BatchNormData<T>& data, const BatchNormGradient<T>& dy,              \
                        const BatchNormSlope& slope, T* dx, int64_t begin, int64_t end) {          \
    HWY_DYNAMIC_DISPATCH(InputGradient##NAME)(data, dy, slope, dx, begin, end);                    \
  }

SSD_DISPATCH(F32, float)
SSD_DISPATCH(BF16, bfloat16)
#undef SSD_DISPATCH

}  // namespace ssd
#endif
