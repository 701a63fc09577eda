// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/elementwise.h"

#include <omp.h>

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

void SgdRange(const SgdArgs& args, int64_t begin, int64_t end) {
  const F32 d;
  const Vec scale = hn::Set(d, 1 / args.loss_scale), decay = hn::Set(d, args.decay);
  const Vec lr = hn::Set(d, args.lr), momentum = hn::Set(d, args.momentum);
  int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes) {
    const Vec w = Load(args.w + i);
    const Vec g = hn::MulAdd(decay, w, hn::Mul(Load(args.gradient + i), scale));
    const Vec m = hn::NegMulAdd(lr, g, hn::Mul(momentum, Load(args.m + i)));
    Store(m, args.m + i);
    Store(hn::Add(w, m), args.w + i);
  }
  for (; i < end; ++i) {
    const float g = args.gradient[i] / args.loss_scale + args.decay * args.w[i];
    args.m[i] = args.momentum * args.m[i] - args.lr * g;
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

float ToFloat(float v) { return v; }
float ToFloat(bfloat16 v) { return v.ToFloat(); }
void FromFloat(float v, bfloat16* to) { *to = bfloat16::From(v); }

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

template <class T>
void SumGradient(const std::vector<const T*>& terms, const T* relu_output, int64_t size, T* out) {
  SSD_CHECK(size % kBlock == 0 && !terms.empty());
#pragma omp parallel
  {
    const Range r = RangeOf(size / kBlock, omp_get_thread_num(), omp_get_num_threads());
    SumRange(terms.data(), static_cast<int64_t>(terms.size()), relu_output,
             {r.begin * kBlock, r.end * kBlock}, out);
  }
}
template void SumGradient<float>(const std::vector<const float*>&, const float*, int64_t, float*);
template void SumGradient<bfloat16>(const std::vector<const bfloat16*>&, const bfloat16*, int64_t,
                                    bfloat16*);

void ImportChannelsLast(const ValueDesc& value, DType type, const float* nchw, void* data) {
  if (type == DType::kF32) {
    auto* to = static_cast<float*>(data);
    ForEachElement(value, [&](int64_t from, int64_t i) { to[i] = nchw[from]; });
  } else {
    auto* to = static_cast<bfloat16*>(data);
    ForEachElement(value, [&](int64_t from, int64_t i) { FromFloat(nchw[from], to + i); });
  }
}

void ExportChannelsLast(const ValueDesc& value, DType type, const void* data, float* nchw) {
  if (type == DType::kF32) {
    const auto* from = static_cast<const float*>(data);
    ForEachElement(value, [&](int64_t to, int64_t i) { nchw[to] = ToFloat(from[i]); });
  } else {
    const auto* from = static_cast<const bfloat16*>(data);
    ForEachElement(value, [&](int64_t to, int64_t i) { nchw[to] = ToFloat(from[i]); });
  }
}

void CpuSgd(const SgdArgs& args) {
#pragma omp parallel
  {
    const Range r = RangeOf(args.size, omp_get_thread_num(), omp_get_num_threads());
    HWY_DYNAMIC_DISPATCH(SgdRange)(args, r.begin, r.end);
  }
}

}  // namespace ssd
#endif
