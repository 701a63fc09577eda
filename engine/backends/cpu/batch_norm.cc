// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/batch_norm.h"

#include <omp.h>

#include <algorithm>
#include <cmath>

#include "backends/cpu/batch_norm_kernels.h"
#include "core/bfloat16.h"
#include "core/error.h"

namespace ssd {
namespace {

constexpr int64_t kSampledRows = 16;  // of a channel, for the shift of its sums

float ToFloat(float v) { return v; }
float ToFloat(bfloat16 v) { return v.ToFloat(); }

template <class T>
class CpuBatchNorm final : public Op {
 public:
  CpuBatchNorm(const CpuContext& context, const BatchNormDesc& desc)
      : desc_(desc),
        threads_(context.threads),
        span_(context.norm_span),
        channels_(desc.x.channels),
        rows_(desc.x.batch * desc.x.height * desc.x.width) {
    const size_t f32s = static_cast<size_t>(channels_) * sizeof(float);
    if (desc_.training) {
      mean_at_ = saved_.Add(f32s);
      inverse_std_at_ = saved_.Add(f32s);
      mask_at_ = saved_.Add(desc_.relu ? static_cast<size_t>(rows_ * channels_ / 8) : 0);
    }
    sums_at_ = scratch_.Add(static_cast<size_t>(threads_) * sums_stride() * sizeof(double));
    partial_at_ = scratch_.Add(static_cast<size_t>(threads_) * sums_stride() * sizeof(float));
    for (size_t& at : channel_at_) at = scratch_.Add(f32s);
  }

  Needs needs() const override { return {saved_.size(), scratch_.size()}; }

  void Bind(const OpArgs& args) override {
    SSD_CHECK(args.x != nullptr && args.y != nullptr && args.gamma != nullptr);
    SSD_CHECK(args.beta != nullptr && args.running_mean != nullptr && args.running_var != nullptr);
    SSD_CHECK(args.scratch != nullptr && desc_.residual == (args.residual != nullptr));
    SSD_CHECK(desc_.residual_rest == (args.residual_rest != nullptr));
    SSD_CHECK(desc_.y_rest == (args.y_rest != nullptr));
    SSD_CHECK(!desc_.residual_rest || desc_.residual);
    args_ = args;
    if (!desc_.training) return;
    SSD_CHECK(args.saved != nullptr && args.dx != nullptr && !args.dy.empty());
    SSD_CHECK(args.dgamma != nullptr && args.dbeta != nullptr);
    SSD_CHECK(desc_.residual == (args.dresidual != nullptr));
    for (const void* term : args.dy) dy_.terms.push_back(static_cast<const T*>(term));
    dy_.mask = desc_.relu ? saved<uint8_t>(mask_at_) : nullptr;
    // With a residual, the gradient of y is stored: the second pass reads it instead of the terms.
    dx_from_ = desc_.residual
                   ? BatchNormGradient<T>{{static_cast<const T*>(args.dresidual)}, nullptr}
                   : dy_;
  }

  void Forward() override {
    float* scale = channel(0);
    float* mean = args_.running_mean;
    if (desc_.training) {
      mean = saved<float>(mean_at_);
      TakeStatistics(mean, saved<float>(inverse_std_at_));
      for (int64_t c = 0; c < channels_; ++c)
        scale[c] = args_.gamma[c] * saved<float>(inverse_std_at_)[c];
    } else {
      for (int64_t c = 0; c < channels_; ++c)
        scale[c] = args_.gamma[c] / std::sqrt(args_.running_var[c] + desc_.eps);
    }
    const BatchNormData<T> data = {channels_, x(), mean};
    const BatchNormOutput<T> out = {
        static_cast<T*>(args_.y),
        static_cast<const T*>(args_.residual),
        desc_.training && desc_.relu ? saved<uint8_t>(mask_at_) : nullptr,
        desc_.relu,
        static_cast<const T*>(args_.residual_rest),
        static_cast<T*>(args_.y_rest)};
    InParallel([&](int, Range r) { Normalise(data, scale, args_.beta, out, r.begin, r.end); });
  }

  // With xhat = (x - mean) / std: dbeta = sum dy, dgamma = sum dy xhat,
  // dx = gamma / std (dy - dbeta / n - xhat dgamma / n).
  void Backward() override {
    SSD_CHECK(desc_.training);
    const float* inverse_std = saved<float>(inverse_std_at_);
    const BatchNormData<T> data = {channels_, x(), saved<float>(mean_at_)};
    std::fill_n(sums(0), threads_ * sums_stride(), 0.0);
    InParallel([&](int thread, Range r) {
      AddGradientSums(data, dy_, static_cast<T*>(args_.dresidual), r.begin, r.end, partial(thread),
                      sums(thread));
    });
    ReduceThreads();
    float *a = channel(0), *b = channel(1), *constant = channel(2);
    for (int64_t c = 0; c < channels_; ++c) {  // of this rank: gradients are summed later
      args_.dbeta[c] = static_cast<float>(sums(0)[c]);
      args_.dgamma[c] = static_cast<float>(sums(0)[channels_ + c] * inverse_std[c]);
    }
    const double n = SumOverSpan();
    for (int64_t c = 0; c < channels_; ++c) {
      const double dbeta = sums(0)[c], product = sums(0)[channels_ + c], r = inverse_std[c];
      const double slope = args_.gamma[c] * r;
      a[c] = static_cast<float>(slope);
      b[c] = static_cast<float>(-slope * r * r * product / n);
      constant[c] = static_cast<float>(-slope * dbeta / n);
    }
    InParallel([&](int, Range r) {
      InputGradient(data, dx_from_, {a, b, constant}, static_cast<T*>(args_.dx), r.begin, r.end);
    });
  }

 private:
  const T* x() const { return static_cast<const T*>(args_.x); }
  template <class U>
  U* At(void* base, size_t offset) const {
    return reinterpret_cast<U*>(static_cast<std::byte*>(base) + offset);
  }
  template <class U>
  U* saved(size_t offset) const {
    return At<U>(args_.saved, offset);
  }
  int64_t sums_stride() const { return 2 * channels_; }
  double* sums(int thread) const {
    return At<double>(args_.scratch, sums_at_) + thread * sums_stride();
  }
  float* partial(int thread) const {
    return At<float>(args_.scratch, partial_at_) + thread * sums_stride();
  }
  float* channel(int i) const { return At<float>(args_.scratch, channel_at_[i]); }

  // body(thread, rows) on each thread.
  template <class Body>
  void InParallel(const Body& body) const {
#pragma omp parallel num_threads(threads_)
    {
      const int thread = omp_get_thread_num();
      body(thread, RangeOf(rows_, thread, omp_get_num_threads()));
    }
  }

  void ReduceThreads() const {
    for (int t = 1; t < threads_; ++t)
      for (int64_t i = 0; i < sums_stride(); ++i) sums(0)[i] += sums(t)[i];
  }

  // Of this rank's sums; returns the number of rows that they are over.
  double SumOverSpan() const {
    if (span_ == nullptr) return static_cast<double>(rows_);
    span_->Sum({sums(0), static_cast<size_t>(sums_stride())}, nullptr);
    return static_cast<double>(rows_ * span_->ranks());
  }

  // From around shift to around zero, which all ranks share: doubles have the digits for it.
  void Unshift(float* shift) const {
    for (int64_t c = 0; c < channels_; ++c) {
      const double s = shift[c], n = static_cast<double>(rows_), sum = sums(0)[c];
      sums(0)[c] = sum + n * s;
      sums(0)[channels_ + c] += 2 * s * sum + n * s * s;
      shift[c] = 0;
    }
  }

  void TakeStatistics(float* mean, float* inverse_std) {
    float* shift = channel(1);
    std::fill_n(shift, channels_, 0.0f);
    const int64_t samples = std::min(kSampledRows, rows_);
    for (int64_t s = 0; s < samples; ++s) {
      const T* row = x() + rows_ * s / samples * channels_;
      for (int64_t c = 0; c < channels_; ++c)
        shift[c] += ToFloat(row[c]) / static_cast<float>(samples);
    }
    std::fill_n(sums(0), threads_ * sums_stride(), 0.0);
    InParallel([&](int thread, Range r) {
      AddStatistics(x(), channels_, shift, r.begin, r.end, partial(thread), sums(thread));
    });
    ReduceThreads();
    if (span_ != nullptr) Unshift(shift);
    const double n = SumOverSpan(), momentum = desc_.momentum;
    const double unbiased = n > 1 ? n / (n - 1) : 1;
    for (int64_t c = 0; c < channels_; ++c) {
      const double d = sums(0)[c] / n;
      // Written so that a NaN variance stays NaN.
      const double var = std::max(sums(0)[channels_ + c] / n - d * d, 0.0);
      const double m = shift[c] + d;
      mean[c] = static_cast<float>(m);
      inverse_std[c] = static_cast<float>(1 / std::sqrt(var + desc_.eps));
      float &running_mean = args_.running_mean[c], &running_var = args_.running_var[c];
      running_mean = static_cast<float>(momentum * running_mean + (1 - momentum) * m);
      running_var = static_cast<float>(momentum * running_var + (1 - momentum) * var * unbiased);
    }
  }

  BatchNormDesc desc_;
  int threads_;
  NormSpan* span_;
  int64_t channels_, rows_;
  ScratchPlan saved_, scratch_;
  size_t mean_at_ = 0, inverse_std_at_ = 0, mask_at_ = 0, sums_at_ = 0, partial_at_ = 0;
  size_t channel_at_[3] = {};
  OpArgs args_;
  BatchNormGradient<T> dy_, dx_from_;
};

}  // namespace

std::unique_ptr<Op> MakeCpuBatchNorm(const CpuContext& context, const BatchNormDesc& desc) {
  if (desc.x.channels % 16 != 0) {
    Throw(Status::kInvalid, "batch norm: %lld channels; the CPU backend takes multiples of 16",
          static_cast<long long>(desc.x.channels));
  }
  if (context.precision == Precision::kF32)
    return std::make_unique<CpuBatchNorm<float>>(context, desc);
  return std::make_unique<CpuBatchNorm<bfloat16>>(context, desc);
}

}  // namespace ssd
