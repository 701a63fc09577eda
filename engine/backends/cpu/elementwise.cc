// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/elementwise.h"

#include <omp.h>

#include <algorithm>

#include "backends/cpu/context.h"
#include "core/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/elementwise.cc"
#include <hwy/foreach_target.h>
// Highway wants its header after foreach_target.
#include <hwy/highway.h>

#include "backends/cpu/storage-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ssd::HWY_NAMESPACE {
namespace {

template <class T>
HWY_INLINE void SumGradientOf(const T* const* terms, int64_t count, const T* relu_output,
                              int64_t begin, int64_t end, T* out) {
  const Vec zero = hn::Zero(F32());
  for (int64_t i = begin; i < end; i += kLanes) {
    Vec sum = LoadSum(terms, count, i);
    if (relu_output != nullptr) {
      sum = hn::IfThenElseZero(hn::Gt(Load(relu_output + i), zero), sum);
    }
    Store(sum, out + i);
  }
}

void SumGradientF32(const float* const* terms, int64_t count, const float* relu_output,
                    int64_t begin, int64_t end, float* out) {
  SumGradientOf(terms, count, relu_output, begin, end, out);
}
void SumGradientBF16(const bfloat16* const* terms, int64_t count, const bfloat16* relu_output,
                     int64_t begin, int64_t end, bfloat16* out) {
  SumGradientOf(terms, count, relu_output, begin, end, out);
}

template <class T>
HWY_INLINE void SumRowsOf(const float* const* parts, int64_t count, int64_t size, T* out) {
  for (int64_t i = 0; i < size; i += kLanes) {
    Vec sum = hn::Zero(F32());
    for (int64_t p = 0; p < count; ++p) sum = hn::Add(sum, Load(parts[p] + i));
    Store(sum, out + i);
  }
}
void SumRowsF32(const float* const* parts, int64_t count, int64_t size, float* out) {
  SumRowsOf(parts, count, size, out);
}
void SumRowsBF16(const float* const* parts, int64_t count, int64_t size, bfloat16* out) {
  SumRowsOf(parts, count, size, out);
}

void SgdRange(const SgdArgs& args, const SgdRates& rates, int64_t begin, int64_t end) {
  const F32 d;
  const Vec scale = hn::Set(d, 1 / rates.loss_scale), decay = hn::Set(d, rates.decay);
  const Vec lr = hn::Set(d, rates.lr), momentum = hn::Set(d, rates.momentum);
  int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes) {
    const Vec w = Load(args.w + i);
    const Vec g = hn::MulAdd(decay, w, hn::Mul(Load(args.gradient + i), scale));
    const Vec m = hn::NegMulAdd(lr, g, hn::Mul(momentum, Load(args.m + i)));
    Store(m, args.m + i);
    Store(hn::Add(w, m), args.w + i);
  }
  for (; i < end; ++i) {
    const float g = args.gradient[i] / rates.loss_scale + rates.decay * args.w[i];
    args.m[i] = rates.momentum * args.m[i] - rates.lr * g;
    args.w[i] += args.m[i];
  }
}

}  // namespace
}  // namespace ssd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ssd {

HWY_EXPORT(SumGradientF32);
HWY_EXPORT(SumGradientBF16);
HWY_EXPORT(SumRowsF32);
HWY_EXPORT(SumRowsBF16);
HWY_EXPORT(SgdRange);

namespace {

constexpr int64_t kBlock = 16;

void SumRange(const float* const* terms, int64_t count, const float* relu_output, Range range,
              float* out) {
  HWY_DYNAMIC_DISPATCH(SumGradientF32)(terms, count, relu_output, range.begin, range.end, out);
}
void SumRange(const bfloat16* const* terms, int64_t count, const bfloat16* relu_output, Range range,
              bfloat16* out) {
  HWY_DYNAMIC_DISPATCH(SumGradientBF16)(terms, count, relu_output, range.begin, range.end, out);
}

template <class T>
void SumAll(const std::vector<const void*>& terms, const void* relu_output, int64_t size,
            void* out) {
  constexpr size_t kMaxTerms = 16;
  SSD_CHECK(size % kBlock == 0 && !terms.empty() && terms.size() <= kMaxTerms);
  const T* typed[kMaxTerms];
  for (size_t t = 0; t < terms.size(); ++t) typed[t] = static_cast<const T*>(terms[t]);
#pragma omp parallel
  {
    const Range r = RangeOf(size / kBlock, omp_get_thread_num(), omp_get_num_threads());
    SumRange(typed, static_cast<int64_t>(terms.size()), static_cast<const T*>(relu_output),
             {r.begin * kBlock, r.end * kBlock}, static_cast<T*>(out));
  }
}

// Calls visit(index in nchw, index in nhwc) for every element.
template <class Visit>
void ForEachElement(const ValueDesc& value, const Visit& visit) {
  const int64_t area = value.height * value.width;
  for (int64_t n = 0; n < value.batch; ++n) {
    for (int64_t p = 0; p < area; ++p) {
      for (int64_t c = 0; c < value.channels; ++c) {
        visit((n * value.channels + c) * area + p, (n * area + p) * value.channels + c);
      }
    }
  }
}

}  // namespace

void SumGradient(DType type, const std::vector<const void*>& terms, const void* relu_output,
                 int64_t size, void* out) {
  if (type == DType::kF32) {
    SumAll<float>(terms, relu_output, size, out);
  } else {
    SumAll<bfloat16>(terms, relu_output, size, out);
  }
}

template <>
void SumRows<float>(const float* const* parts, int64_t count, int64_t size, float* out) {
  HWY_DYNAMIC_DISPATCH(SumRowsF32)(parts, count, size, out);
}
template <>
void SumRows<bfloat16>(const float* const* parts, int64_t count, int64_t size, bfloat16* out) {
  HWY_DYNAMIC_DISPATCH(SumRowsBF16)(parts, count, size, out);
}

void ImportChannelsLast(const ValueDesc& value, DType type, const float* nchw, void* data) {
  if (type == DType::kF32) {
    auto* to = static_cast<float*>(data);
    ForEachElement(value, [&](int64_t from, int64_t i) { to[i] = nchw[from]; });
  } else {
    auto* to = static_cast<bfloat16*>(data);
    ForEachElement(value, [&](int64_t from, int64_t i) { to[i] = bfloat16::From(nchw[from]); });
  }
}

void ExportChannelsLast(const ValueDesc& value, DType type, const void* data, float* nchw) {
  if (type == DType::kF32) {
    const auto* from = static_cast<const float*>(data);
    ForEachElement(value, [&](int64_t to, int64_t i) { nchw[to] = from[i]; });
  } else {
    const auto* from = static_cast<const bfloat16*>(data);
    ForEachElement(value, [&](int64_t to, int64_t i) { nchw[to] = from[i].ToFloat(); });
  }
}

void CpuSgd(const SgdArgs& args, const SgdRates& rates) {
#pragma omp parallel
  {
    const int64_t blocks = (args.size + kBlock - 1) / kBlock;
    const Range r = RangeOf(blocks, omp_get_thread_num(), omp_get_num_threads());
    HWY_DYNAMIC_DISPATCH(SgdRange)
    (args, rates, r.begin * kBlock, std::min(r.end * kBlock, args.size));
  }
}

}  // namespace ssd
#endif
