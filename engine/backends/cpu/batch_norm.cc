// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/batch_norm.h"

#include <omp.h>

#include <algorithm>
#include <cmath>

#include "backends/cpu/batch_norm_kernels.h"
#include "core/error.h"

namespace ssd {

namespace {

// Rows are pixels of all images: [batch * height * width, channels].
template <class T>
class BatchNorm : public Op {
 public:
  BatchNorm(const CpuContext& context, const BatchNormDesc& desc)
      : desc_(desc),
        threads_(context.threads),
        channels_(desc.x.channels),
        rows_(desc.x.batch * desc.x.height * desc.x.width) {
    if (channels_ % 16 != 0)
      Throw(Status::kUnavailable, "BatchNorm of %lld channels: must be a multiple of 16",
            static_cast<long long>(channels_));
    const auto c = static_cast<size_t>(channels_);
    mean_ = saved_.Add(c * sizeof(float));
    inverse_std_ = saved_.Add(c * sizeof(float));
    mask_ = saved_.Add(desc.relu ? static_cast<size_t>(rows_) * c / 8 : 0);
    values_ = scratch_.Add(4 * c * sizeof(float));
    sums_ = scratch_.Add(static_cast<size_t>(threads_) * 2 * c * sizeof(double));
    partials_ = scratch_.Add(static_cast<size_t>(threads_) * 2 * c * sizeof(float));
  }

  Needs needs() const override { return {saved_.size(), scratch_.size()}; }
  void Bind(const OpArgs& args) override { args_ = args; }
  void Forward() override;
  void Backward() override;

 private:
  using Data = BatchNormData<T>;

  float* Saved(size_t offset) const {
    return reinterpret_cast<float*>(static_cast<std::byte*>(args_.saved) + offset);
  }
  template <class V>
  V* Scratch(size_t offset) const {
    return reinterpret_cast<V*>(static_cast<std::byte*>(args_.scratch) + offset);
  }
  float* Values(int64_t i) const { return Scratch<float>(values_) + i * channels_; }
  uint8_t* Mask() const {
    return desc_.relu && desc_.training ? reinterpret_cast<uint8_t*>(Saved(mask_)) : nullptr;
  }
  Data DataOf() const { return {channels_, static_cast<const T*>(args_.x), Saved(mean_)}; }
  // Calls body(rows of this thread, partial, sum) on every thread, then adds the sums of all into
  // the first, in order of threads.
  template <class Body>
  double* Reduce(const Body& body) const;
  void Statistics();
  void Normalise(const float* mean, const float* scale) const;

  const BatchNormDesc desc_;
  const int threads_;
  const int64_t channels_, rows_;
  ScratchPlan saved_, scratch_;
  size_t mean_, inverse_std_, mask_, values_, sums_, partials_;
  OpArgs args_;
};

template <class T>
template <class Body>
double* BatchNorm<T>::Reduce(const Body& body) const {
  const int64_t n = 2 * channels_;
  auto* sums = Scratch<double>(sums_);
  auto* partials = Scratch<float>(partials_);
  std::fill_n(sums, threads_ * n, 0.0);
#pragma omp parallel num_threads(threads_)
  {
    const int t = omp_get_thread_num();
    body(RangeOf(rows_, t, omp_get_num_threads()), partials + t * n, sums + t * n);
  }
  for (int t = 1; t < threads_; ++t)
    for (int64_t i = 0; i < n; ++i) sums[i] += sums[t * n + i];
  return sums;
}

template <class T>
void BatchNorm<T>::Statistics() {
  const Data data = DataOf();
  // Shifted by the first row: the mean may be much larger than the deviation.
  float* shift = Values(0);
  for (int64_t c = 0; c < channels_; ++c) {
    if constexpr (std::is_same_v<T, float>)
      shift[c] = data.x[c];
    else
      shift[c] = data.x[c].ToFloat();
  }
  const double* sum = Reduce([&](Range r, float* partial, double* sums) {
    AddStatistics<T>(data.x, channels_, shift, r.begin, r.end, partial, sums);
  });
  const auto n = static_cast<double>(rows_);
  const double keep = desc_.momentum, unbiased = rows_ > 1 ? n / (n - 1) : 1;
  for (int64_t c = 0; c < channels_; ++c) {
    const double offset = sum[c] / n, mean = shift[c] + offset;
    const double variance = std::max(0.0, sum[channels_ + c] / n - offset * offset);
    Saved(mean_)[c] = static_cast<float>(mean);
    Saved(inverse_std_)[c] = static_cast<float>(1 / std::sqrt(variance + desc_.eps));
    args_.running_mean[c] = static_cast<float>(keep * args_.running_mean[c] + (1 - keep) * mean);
    args_.running_var[c] =
        static_cast<float>(keep * args_.running_var[c] + (1 - keep) * unbiased * variance);
  }
}

template <class T>
void BatchNorm<T>::Normalise(const float* mean, const float* scale) const {
  const Data data{channels_, static_cast<const T*>(args_.x), mean};
  const BatchNormOutput<T> out{static_cast<T*>(args_.y), static_cast<const T*>(args_.residual),
                               Mask(), desc_.relu};
#pragma omp parallel num_threads(threads_)
  {
    const Range r = RangeOf(rows_, omp_get_thread_num(), omp_get_num_threads());
    ssd::Normalise<T>(data, scale, args_.beta, out, r.begin, r.end);
  }
}

template <class T>
void BatchNorm<T>::Forward() {
  float* scale = Values(0);
  if (!desc_.training) {
    for (int64_t c = 0; c < channels_; ++c)
      scale[c] = args_.gamma[c] / std::sqrt(args_.running_var[c] + desc_.eps);
    return Normalise(args_.running_mean, scale);
  }
  Statistics();
  for (int64_t c = 0; c < channels_; ++c) scale[c] = args_.gamma[c] * Saved(inverse_std_)[c];
  Normalise(Saved(mean_), scale);
}

template <class T>
void BatchNorm<T>::Backward() {
  SSD_CHECK(desc_.training);
  const Data data = DataOf();
  BatchNormGradient<T> dy{{}, Mask()};
  for (const void* term : args_.dy) dy.terms.push_back(static_cast<const T*>(term));
  auto* dresidual = static_cast<T*>(args_.dresidual);
  const double* sum = Reduce([&](Range r, float* partial, double* sums) {
    AddGradientSums<T>(data, dy, dresidual, r.begin, r.end, partial, sums);
  });

  float *a = Values(0), *b = Values(1), *c = Values(2);
  const auto n = static_cast<double>(rows_);
  for (int64_t i = 0; i < channels_; ++i) {
    const double inverse = Saved(inverse_std_)[i], dbeta = sum[i];
    const double dgamma = sum[channels_ + i] * inverse, slope = args_.gamma[i] * inverse;
    args_.dbeta[i] = static_cast<float>(dbeta);
    args_.dgamma[i] = static_cast<float>(dgamma);
    a[i] = static_cast<float>(slope);
    b[i] = static_cast<float>(-slope * inverse * dgamma / n);
    c[i] = static_cast<float>(-slope * dbeta / n);
  }
  if (dresidual != nullptr) dy = {{dresidual}, nullptr};  // already summed and masked
#pragma omp parallel num_threads(threads_)
  {
    const Range r = RangeOf(rows_, omp_get_thread_num(), omp_get_num_threads());
    InputGradient<T>(data, dy, {a, b, c}, static_cast<T*>(args_.dx), r.begin, r.end);
  }
}

}  // namespace

std::unique_ptr<Op> MakeCpuBatchNorm(const CpuContext& context, const BatchNormDesc& desc) {
  if (context.precision == Precision::kF32)
    return std::make_unique<BatchNorm<float>>(context, desc);
  return std::make_unique<BatchNorm<bfloat16>>(context, desc);
}

}  // namespace ssd
