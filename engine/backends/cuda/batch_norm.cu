// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include "backends/cuda/batch_norm.h"
#include "backends/cuda/for_each.h"
#include "backends/cuda/halves.h"

namespace ssd {
namespace {

constexpr int32_t kThreads = 256;
constexpr int32_t kMaxChannels = kThreads * kLanes;
constexpr int32_t kMostBlocks = 512;    // of a sum over rows
constexpr int32_t kRowsOfAThread = 16;  // at least, while blocks are left

// Rows of channels, and how a block of threads shares them: a thread takes kLanes channels of every
// lines-th row.
struct Rows {
  int64_t count;
  int32_t groups, lines, blocks;
  int32_t channels() const { return groups * kLanes; }
};
Rows RowsOf(const ValueDesc& x) {
  const int64_t count = x.batch * x.height * x.width;
  const auto groups = static_cast<int32_t>(x.channels / kLanes);
  const int32_t lines = kThreads / groups;
  const int64_t wanted = (count + int64_t{lines} * kRowsOfAThread - 1) / (lines * kRowsOfAThread);
  return {count, groups, lines, static_cast<int32_t>(std::min<int64_t>(wanted, kMostBlocks))};
}

// A block's two sums of each channel, from what accumulate(row, group, first[], second[]) adds, to
// partial[block][2][channels]. shared: kThreads * kLanes floats.
template <class Accumulate>
__device__ __forceinline__ void SumRows(const Rows& rows, float* shared, double* partial,
                                        const Accumulate& accumulate) {
  const auto thread = static_cast<int32_t>(threadIdx.x), block = static_cast<int32_t>(blockIdx.x);
  const int32_t group = thread % rows.groups, line = thread / rows.groups;
  const int32_t channels = rows.groups * kLanes;
  const int64_t begin = rows.count * block / rows.blocks;
  const int64_t end = rows.count * (block + 1) / rows.blocks;
  float sums[2][kLanes] = {};
  if (line < rows.lines) {
    for (int64_t row = begin + line; row < end; row += rows.lines)
      accumulate(row, group, sums[0], sums[1]);
  }
  for (int which = 0; which < 2; ++which) {
    __syncthreads();
    for (int lane = 0; lane < kLanes; ++lane) shared[thread * kLanes + lane] = sums[which][lane];
    __syncthreads();
    for (int32_t c = thread; c < channels; c += kThreads) {
      double sum = 0;
      for (int32_t l = 0; l < rows.lines; ++l) sum += shared[l * channels + c];
      partial[(static_cast<int64_t>(block) * 2 + which) * channels + c] = sum;
    }
  }
}

// Of x around the values of the first row.
__global__ void __launch_bounds__(kThreads)
    StatisticsKernel(Rows rows, const Halves* x, double* partial) {
  __shared__ float shared[kThreads * kLanes];
  SumRows(rows, shared, partial, [&](int64_t row, int32_t group, float* sum, float* square) {
    const Halves v = x[row * rows.groups + group], shift = x[group];
    for (int lane = 0; lane < kLanes; ++lane) {
      const float d = __half2float(v.v[lane]) - __half2float(shift.v[lane]);
      sum[lane] += d;
      square[lane] += d * d;
    }
  });
}

// The gradient of the norm's output before ReLU: the sum of terms where the mask has a one.
struct MaskedGradient {
  GradientTerms terms;
  const uint8_t* mask;  // a bit a lane; null: all ones
  __host__ __device__ __forceinline__ void Read(int64_t i, float* dy) const {
    for (int lane = 0; lane < kLanes; ++lane) dy[lane] = 0;
    terms.AddTo(dy, i);
    if (mask == nullptr) return;
    const uint32_t bits = mask[i];
    for (int lane = 0; lane < kLanes; ++lane) dy[lane] = (bits >> lane & 1) != 0 ? dy[lane] : 0;
  }
};

// Of dy and dy (x - mean); stores dy if dresidual is given.
__global__ void __launch_bounds__(kThreads)
    GradientSumsKernel(Rows rows, const Halves* x, const Floats* means, MaskedGradient gradient,
                       Halves* dresidual, double* partial) {
  __shared__ float shared[kThreads * kLanes];
  SumRows(rows, shared, partial, [&](int64_t row, int32_t group, float* sum, float* product) {
    const int64_t i = row * rows.groups + group;
    const Halves v = x[i];
    const Floats mean = means[group];
    float dy[kLanes];
    gradient.Read(i, dy);
    for (int lane = 0; lane < kLanes; ++lane) {
      sum[lane] += dy[lane];
      product[lane] += dy[lane] * (__half2float(v.v[lane]) - mean.v[lane]);
    }
    if (dresidual != nullptr) dresidual[i] = ToHalves(dy);
  });
}

// The sums of all blocks for a channel, by 16 threads a channel; valid in the first of them. Blocks
// of 32 channels x 16.
constexpr int32_t kSide = 32, kDepth = 16;
struct TwoSums {
  double first, second;
};
__device__ __forceinline__ TwoSums SumBlocks(const Rows& rows, const double* partial, int32_t c,
                                             double* shared) {
  const auto x = static_cast<int32_t>(threadIdx.x), y = static_cast<int32_t>(threadIdx.y);
  const int32_t channels = rows.groups * kLanes;
  double sums[2] = {};
  for (int32_t b = y; b < rows.blocks && c < channels; b += kDepth) {
    for (int which = 0; which < 2; ++which)
      sums[which] += partial[(static_cast<int64_t>(b) * 2 + which) * channels + c];
  }
  for (int which = 0; which < 2; ++which) {
    __syncthreads();
    shared[y * kSide + x] = sums[which];
    __syncthreads();
    sums[which] = 0;
    for (int32_t other = 0; other < kDepth; ++other) sums[which] += shared[other * kSide + x];
  }
  return {sums[0], sums[1]};
}

// What a channel needs in Forward and keeps for Backward.
struct ChannelState {
  float *mean, *inverse_std;
  float *running_mean, *running_var;
  float eps, momentum;
};
__global__ void __launch_bounds__(kSide* kDepth)
    FinishStatisticsKernel(Rows rows, const Halves* x, const double* partial, ChannelState state) {
  __shared__ double shared[kDepth * kSide];
  const auto c = static_cast<int32_t>(blockIdx.x * kSide + threadIdx.x);
  const TwoSums sums = SumBlocks(rows, partial, c, shared);
  if (threadIdx.y > 0 || c >= rows.groups * kLanes) return;
  const auto n = static_cast<double>(rows.count);
  const double d = sums.first / n, m = state.momentum;
  const double biased = sums.second / n - d * d;
  const double var = biased < 0 ? 0 : biased;  // NaN stays NaN
  const double mean = static_cast<double>(__half2float(x[c / kLanes].v[c % kLanes])) + d;
  state.mean[c] = static_cast<float>(mean);
  state.inverse_std[c] = static_cast<float>(1 / sqrt(var + state.eps));
  const double unbiased = n > 1 ? var * n / (n - 1) : var;
  state.running_mean[c] = static_cast<float>(m * state.running_mean[c] + (1 - m) * mean);
  state.running_var[c] = static_cast<float>(m * state.running_var[c] + (1 - m) * unbiased);
}

// dx = slope dy + curve (x - mean) + constant, by channel.
struct GradientFactors {
  float *slope, *curve, *constant;
};
__global__ void __launch_bounds__(kSide* kDepth)
    FinishGradientKernel(Rows rows, const double* partial, const float* gamma,
                         const float* inverse_std, float* dgamma, float* dbeta,
                         GradientFactors factors) {
  __shared__ double shared[kDepth * kSide];
  const auto c = static_cast<int32_t>(blockIdx.x * kSide + threadIdx.x);
  const TwoSums sums = SumBlocks(rows, partial, c, shared);
  if (threadIdx.y > 0 || c >= rows.groups * kLanes) return;
  const double r = inverse_std[c], slope = gamma[c] * r;
  const auto n = static_cast<double>(rows.count);
  dbeta[c] = static_cast<float>(sums.first);
  dgamma[c] = static_cast<float>(sums.second * r);
  factors.slope[c] = static_cast<float>(slope);
  factors.curve[c] = static_cast<float>(-slope * r * r * sums.second / n);
  factors.constant[c] = static_cast<float>(-slope * sums.first / n);
}

struct InverseStd {
  const float* variance;
  float eps;
  float* inverse_std;
  __host__ __device__ void operator()(int64_t c) const {
    inverse_std[c] = 1 / sqrtf(variance[c] + eps);
  }
};

struct Apply {
  const Halves *x, *residual;                           // residual may be null
  const Floats *means, *inverse_stds, *gammas, *betas;  // by group
  Halves* y;
  uint8_t* mask;  // may be null
  int32_t groups;
  bool relu;
  __host__ __device__ void operator()(int64_t i) const {
    const auto group = static_cast<int32_t>(i % groups);
    const Floats mean = means[group], inverse_std = inverse_stds[group];
    const Floats gamma = gammas[group], beta = betas[group];
    const Halves v = x[i];
    Halves add{};
    if (residual != nullptr) add = residual[i];
    float out[kLanes];
    uint32_t bits = 0;
    for (int lane = 0; lane < kLanes; ++lane) {
      const float centred = __half2float(v.v[lane]) - mean.v[lane];
      out[lane] = gamma.v[lane] * inverse_std.v[lane] * centred + beta.v[lane];
      if (residual != nullptr) out[lane] += __half2float(add.v[lane]);
      if (!relu) continue;
      if (out[lane] > 0) bits |= 1u << lane;
      if (out[lane] <= 0) out[lane] = 0;  // NaN stays NaN
    }
    y[i] = ToHalves(out);
    if (mask != nullptr) mask[i] = static_cast<uint8_t>(bits);
  }
};

struct InputGradient {
  const Halves* x;
  const Floats* means;
  MaskedGradient gradient;
  const Floats *slopes, *curves, *constants;
  Halves* dx;
  int32_t groups;
  __host__ __device__ void operator()(int64_t i) const {
    const auto group = static_cast<int32_t>(i % groups);
    const Floats mean = means[group], slope = slopes[group];
    const Floats curve = curves[group], constant = constants[group];
    const Halves v = x[i];
    float dy[kLanes], out[kLanes];
    gradient.Read(i, dy);
    for (int lane = 0; lane < kLanes; ++lane) {
      const float centred = __half2float(v.v[lane]) - mean.v[lane];
      out[lane] = slope.v[lane] * dy[lane] + curve.v[lane] * centred + constant.v[lane];
    }
    dx[i] = ToHalves(out);
  }
};

class CudaBatchNorm final : public Op {
 public:
  CudaBatchNorm(const CudaContext& context, const BatchNormDesc& desc)
      : context_(context), desc_(desc), rows_(RowsOf(desc.x)) {}

  // saved: mean, 1 / std, mask. scratch: sums of blocks, three factors.
  Needs needs() const override {
    const size_t channel = static_cast<size_t>(rows_.channels()) * sizeof(float);
    if (!desc_.training) return {0, channel};
    return {
        2 * channel + (desc_.relu ? static_cast<size_t>(size()) : 0),
        2 * static_cast<size_t>(rows_.blocks * rows_.channels()) * sizeof(double) + 3 * channel};
  }

  void Bind(const OpArgs& args) override {
    SSD_CHECK(args.x != nullptr && args.y != nullptr && args.gamma != nullptr);
    SSD_CHECK(args.beta != nullptr && args.running_mean != nullptr && args.running_var != nullptr);
    SSD_CHECK(args.scratch != nullptr && desc_.residual == (args.residual != nullptr));
    for (const float* values :
         {args.gamma, args.beta, static_cast<const float*>(args.running_mean)})
      SSD_CHECK(reinterpret_cast<uintptr_t>(values) % alignof(Floats) == 0);
    args_ = args;
    mean_ = args.running_mean;
    inverse_std_ = static_cast<float*>(args.scratch);
    if (!desc_.training) return;
    SSD_CHECK(args.saved != nullptr && args.dx != nullptr && !args.dy.empty());
    SSD_CHECK(args.dgamma != nullptr && args.dbeta != nullptr);
    SSD_CHECK(desc_.residual == (args.dresidual != nullptr));
    const int32_t channels = rows_.channels();
    mean_ = static_cast<float*>(args.saved);
    inverse_std_ = mean_ + channels;
    mask_ = desc_.relu ? reinterpret_cast<uint8_t*>(inverse_std_ + channels) : nullptr;
    partial_ = static_cast<double*>(args.scratch);
    factors_.slope = reinterpret_cast<float*>(partial_ + 2 * rows_.blocks * channels);
    factors_.curve = factors_.slope + channels;
    factors_.constant = factors_.curve + channels;
    dy_.emplace(MaskedGradient{GradientTerms(args.dy), mask_});
    // With a residual, the gradient of y is stored: the second pass reads it instead of the terms.
    dx_from_ = desc_.residual ? MaskedGradient{GradientTerms({args.dresidual}), nullptr} : *dy_;
  }

  void Forward() override {
    if (desc_.training) {
      Launch(context_, StatisticsKernel, blocks(), {kThreads}, rows_, x(), partial_);
      Launch(context_, FinishStatisticsKernel, sides(), {kSide, kDepth}, rows_, x(), partial_,
             ChannelState{mean_, inverse_std_, args_.running_mean, args_.running_var, desc_.eps,
                          desc_.momentum});
    } else {
      ForEach(context_, rows_.channels(), InverseStd{args_.running_var, desc_.eps, inverse_std_});
    }
    ForEach(context_, size(),
            Apply{x(), static_cast<const Halves*>(args_.residual), AsFloats(mean_),
                  AsFloats(inverse_std_), AsFloats(args_.gamma), AsFloats(args_.beta),
                  static_cast<Halves*>(args_.y), mask_, rows_.groups, desc_.relu});
  }

  // With xhat = (x - mean) / std: dbeta = sum dy, dgamma = sum dy xhat,
  // dx = gamma / std (dy - dbeta / n - xhat dgamma / n).
  void Backward() override {
    SSD_CHECK(desc_.training);
    Launch(context_, GradientSumsKernel, blocks(), {kThreads}, rows_, x(), AsFloats(mean_), *dy_,
           static_cast<Halves*>(args_.dresidual), partial_);
    Launch(context_, FinishGradientKernel, sides(), {kSide, kDepth}, rows_, partial_, args_.gamma,
           inverse_std_, args_.dgamma, args_.dbeta, factors_);
    ForEach(context_, size(),
            InputGradient{x(), AsFloats(mean_), *dx_from_, AsFloats(factors_.slope),
                          AsFloats(factors_.curve), AsFloats(factors_.constant),
                          static_cast<Halves*>(args_.dx), rows_.groups});
  }

 private:
  int64_t size() const { return rows_.count * rows_.groups; }  // in Halves
  const Halves* x() const { return static_cast<const Halves*>(args_.x); }
  dim3 blocks() const { return {static_cast<uint32_t>(rows_.blocks)}; }
  dim3 sides() const { return {BlocksFor(rows_.channels(), kSide)}; }

  const CudaContext context_;
  const BatchNormDesc desc_;
  const Rows rows_;
  OpArgs args_;
  float *mean_ = nullptr, *inverse_std_ = nullptr;  // [channels]
  uint8_t* mask_ = nullptr;                         // [rows, groups]
  double* partial_ = nullptr;                       // [blocks, 2, channels]
  GradientFactors factors_{};
  std::optional<MaskedGradient> dy_, dx_from_;
};

}  // namespace

std::unique_ptr<Op> MakeCudaBatchNorm(const CudaContext& context, const BatchNormDesc& desc) {
  if (desc.x.channels % kLanes != 0 || desc.x.channels > kMaxChannels) {
    Throw(Status::kInvalid,
          "BatchNorm of %lld channels: the CUDA backend takes multiples of %d up to %d",
          static_cast<long long>(desc.x.channels), kLanes, kMaxChannels);
  }
  return std::make_unique<CudaBatchNorm>(context, desc);
}

}  // namespace ssd
