// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/batch_norm_kernels.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/batch_norm_kernels.cc"
#include <hwy/foreach_target.h>
// Highway wants its header after foreach_target.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "backends/cpu/storage-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ssd::HWY_NAMESPACE {
namespace {

// Rows that share one load of a channel's sums. Taken side by side the processor does not foresee
// what to read next, so it is asked for kAhead bytes before.
constexpr int64_t kRows = 4;
constexpr int64_t kAhead = 4096;
// f32 sums run over this many rows before they go to double.
constexpr int64_t kChunkRows = 128;

// Of kRows rows from `rows` on, the part that belongs to the vector of channels c.
template <class T>
HWY_INLINE void FetchAhead(const T* rows, int64_t c) {
  constexpr int64_t kBytes = kRows * kLanes * static_cast<int64_t>(sizeof(T));
  const char* part = reinterpret_cast<const char*>(rows + kRows * c) + kAhead;
  for (int64_t line = 0; line < kBytes; line += 64) hwy::Prefetch(part + line);
}

void Flush(const float* partial, int64_t n, double* sum) {
  for (int64_t i = 0; i < n; ++i) sum[i] += static_cast<double>(partial[i]);
}

template <class T, int64_t R>
HWY_INLINE void StatisticsOf(const T* HWY_RESTRICT x, int64_t channels,
                             const float* HWY_RESTRICT shift, float* HWY_RESTRICT partial) {
  for (int64_t c = 0; c < channels; c += kLanes) {
    const Vec s = Load(shift + c);
    Vec sum = Load(partial + c), square = Load(partial + channels + c);
    if constexpr (R == kRows) FetchAhead(x, c);
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

template <class T, bool kRelu, bool kResidual>
HWY_INLINE void NormaliseAs(const BatchNormData<T>& data, const float* HWY_RESTRICT scale,
                            const float* HWY_RESTRICT shift, const BatchNormOutput<T>& out,
                            int64_t begin, int64_t end) {
  const int64_t channels = data.channels;
  const float* HWY_RESTRICT mean = data.mean;
  uint8_t* const mask = out.mask;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t first = row * channels;
    const T* HWY_RESTRICT x = data.x + first;
    const T* HWY_RESTRICT residual = kResidual ? out.residual + first : nullptr;
    const T* HWY_RESTRICT added =
        kResidual && out.residual_rest ? out.residual_rest + first : nullptr;
    T* HWY_RESTRICT y = out.y + first;
    T* HWY_RESTRICT rest = out.rest ? out.rest + first : nullptr;
    const auto at = [=](int64_t c) HWY_ATTR {
      Vec v = hn::MulAdd(hn::Sub(Load(x + c), Load(mean + c)), Load(scale + c), Load(shift + c));
      if constexpr (kResidual) v = hn::Add(v, Load(residual + c));
      if (kResidual && added != nullptr) v = hn::Add(v, Load(added + c));
      if constexpr (kRelu) {
        const Vec zero = hn::Zero(F32());
        if (mask != nullptr) StoreMask(hn::Gt(v, zero), mask, first + c);
        v = hn::Max(zero, v);  // in this order NaN stays
      }
      return v;
    };
    int64_t c = 0;
    for (; c + 2 * kLanes <= channels; c += 2 * kLanes) {
      const Vec low = at(c), high = at(c + kLanes);
      Store(low, high, y + c);
      if (rest == nullptr) continue;
      Store(hn::Sub(low, Rounded(low, y)), hn::Sub(high, Rounded(high, y)), rest + c);
    }
    for (; c < channels; c += kLanes) {
      const Vec v = at(c);
      Store(v, y + c);
      if (rest != nullptr) Store(hn::Sub(v, Rounded(v, y)), rest + c);
    }
  }
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

// The gradient of y from one row on, with kTerms terms, or any number if that is 0.
template <class T, int kTerms>
struct Gradient {
  const T *first, *second;
  const T* const* terms;
  int64_t count, offset;
  const uint8_t* mask;

  Gradient(const BatchNormGradient<T>& dy, int64_t begin)
      : first(dy.terms[0] + begin),
        second(kTerms == 2 ? dy.terms[1] + begin : nullptr),
        terms(dy.terms.data()),
        count(static_cast<int64_t>(dy.terms.size())),
        offset(begin),
        mask(dy.mask) {}
  HWY_INLINE Vec At(int64_t i) const {
    Vec sum;
    if constexpr (kTerms == 0) {
      sum = LoadSum(terms, count, offset + i);
    } else {
      sum = Load(first + i);
      if constexpr (kTerms == 2) sum = hn::Add(sum, Load(second + i));
    }
    return mask == nullptr ? sum : hn::IfThenElseZero(LoadMask(mask, offset + i), sum);
  }
  HWY_INLINE void Ahead(int64_t c) const {
    FetchAhead(first, c);
    if constexpr (kTerms == 2) FetchAhead(second, c);
  }
};

template <class T, int64_t R, int kTerms>
HWY_INLINE void GradientSumsOf(const BatchNormData<T>& data, const BatchNormGradient<T>& dy,
                               T* dresidual, int64_t row, float* HWY_RESTRICT partial) {
  const int64_t channels = data.channels;
  const Gradient<T, kTerms> gradient(dy, row * channels);
  const float* HWY_RESTRICT mean = data.mean;
  const T* HWY_RESTRICT x = data.x + row * channels;
  T* HWY_RESTRICT out = dresidual == nullptr ? nullptr : dresidual + row * channels;
  for (int64_t c = 0; c < channels; c += kLanes) {
    const Vec m = Load(mean + c);
    Vec sum = Load(partial + c), product = Load(partial + channels + c);
    if constexpr (R == kRows) {
      FetchAhead(x, c);
      gradient.Ahead(c);
    }
    for (int64_t r = 0; r < R; ++r) {
      const int64_t i = r * channels + c;
      Vec g = gradient.At(i);
      if (out != nullptr) {
        g = Rounded(g, out);
        Store(g, out + i);
      }
      sum = hn::Add(sum, g);
      product = hn::MulAdd(g, hn::Sub(Load(x + i), m), product);
    }
    Store(sum, partial + c);
    Store(product, partial + channels + c);
  }
}

template <class T, int kTerms>
HWY_INLINE void AddGradientSumsAs(const BatchNormData<T>& data, const BatchNormGradient<T>& dy,
                                  T* dresidual, int64_t begin, int64_t end, float* partial,
                                  double* sum) {
  for (int64_t first = begin; first < end; first += kChunkRows) {
    const int64_t last = std::min(first + kChunkRows, end);
    std::fill_n(partial, 2 * data.channels, 0.0f);
    int64_t row = first;
    for (; row + kRows <= last; row += kRows)
      GradientSumsOf<T, kRows, kTerms>(data, dy, dresidual, row, partial);
    for (; row < last; ++row) GradientSumsOf<T, 1, kTerms>(data, dy, dresidual, row, partial);
    Flush(partial, 2 * data.channels, sum);
  }
}

template <class T>
HWY_INLINE void AddGradientSumsOf(const BatchNormData<T>& data, const BatchNormGradient<T>& dy,
                                  T* dresidual, int64_t begin, int64_t end, float* partial,
                                  double* sum) {
  switch (dy.terms.size()) {
    case 1:
      return AddGradientSumsAs<T, 1>(data, dy, dresidual, begin, end, partial, sum);
    case 2:
      return AddGradientSumsAs<T, 2>(data, dy, dresidual, begin, end, partial, sum);
    default:
      return AddGradientSumsAs<T, 0>(data, dy, dresidual, begin, end, partial, sum);
  }
}

template <class T, int kTerms>
HWY_INLINE void InputGradientAs(const BatchNormData<T>& data, const BatchNormGradient<T>& dy,
                                const BatchNormSlope& slope, T* dx, int64_t begin, int64_t end) {
  const int64_t channels = data.channels;
  const float* HWY_RESTRICT mean = data.mean;
  const BatchNormSlope of = slope;
  for (int64_t row = begin; row < end; ++row) {
    const Gradient<T, kTerms> gradient(dy, row * channels);
    const T* HWY_RESTRICT x = data.x + row * channels;
    T* HWY_RESTRICT out = dx + row * channels;
    const auto at = [=](int64_t c) HWY_ATTR {
      const Vec d = hn::Sub(Load(x + c), Load(mean + c));
      const Vec rest = hn::MulAdd(Load(of.b + c), d, Load(of.c + c));
      return hn::MulAdd(Load(of.a + c), gradient.At(c), rest);
    };
    int64_t c = 0;
    for (; c + 2 * kLanes <= channels; c += 2 * kLanes) {
      const Vec low = at(c), high = at(c + kLanes);
      Store(low, high, out + c);
    }
    for (; c < channels; c += kLanes) Store(at(c), out + c);
  }
}

template <class T>
HWY_INLINE void InputGradientOf(const BatchNormData<T>& data, const BatchNormGradient<T>& dy,
                                const BatchNormSlope& slope, T* dx, int64_t begin, int64_t end) {
  switch (dy.terms.size()) {
    case 1:
      return InputGradientAs<T, 1>(data, dy, slope, dx, begin, end);
    case 2:
      return InputGradientAs<T, 2>(data, dy, slope, dx, begin, end);
    default:
      return InputGradientAs<T, 0>(data, dy, slope, dx, begin, end);
  }
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
