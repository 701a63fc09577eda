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

__global__ void __launch_bounds__(kThreads)
    SumsKernel(Rows rows, const Halves* x, double* partial) {
  __shared__ float shared[kThreads * kLanes];
  SumRows(rows, shared, partial, [&](int64_t row, int32_t group, float* sum, float* square) {
    const Halves halves = x[row * rows.groups + group];
    for (int lane = 0; lane < kLanes; ++lane) {
      const float v = __half2float(halves.v[lane]);
      sum[lane] += v;
      square[lane] += v * v;
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

// What normalises a group of channels.
struct Norm {
  const Floats *means, *inverse_stds, *gammas, *betas;
  __host__ __device__ __forceinline__ void Read(int32_t group, const Halves& x, float* y) const {
    const Floats mean = means[group], inverse_std = inverse_stds[group];
    const Floats gamma = gammas[group], beta = betas[group];
    for (int lane = 0; lane < kLanes; ++lane) {
      const float centred = __half2float(x.v[lane]) - mean.v[lane];
      y[lane] = gamma.v[lane] * inverse_std.v[lane] * centred + beta.v[lane];
    }
  }
};

// As GradientSumsKernel, of dy where the norm of x is positive; stores that.
__global__ void __launch_bounds__(kThreads)
    NormGradientKernel(Rows rows, const Halves* x, Norm norm, Halves* dy, double* partial) {
  __shared__ float shared[kThreads * kLanes];
  SumRows(rows, shared, partial, [&](int64_t row, int32_t group, float* sum, float* product) {
    const int64_t i = row * rows.groups + group;
    const Halves v = x[i];
    const Floats mean = norm.means[group];
    Halves d = dy[i];
    float y[kLanes];
    norm.Read(group, v, y);
    for (int lane = 0; lane < kLanes; ++lane) {
      if (y[lane] <= 0) d.v[lane] = __float2half_rn(0);  // NaN keeps it
      sum[lane] += __half2float(d.v[lane]);
      product[lane] += __half2float(d.v[lane]) * (__half2float(v.v[lane]) - mean.v[lane]);
    }
    dy[i] = d;
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
  // Of a deferred norm; null otherwise.
  __half *scale, *shift;
  const float *gamma, *beta;

  __host__ __device__ void Set(int32_t c, double m, double biased, double n) const {
    const double var = biased < 0 ? 0 : biased;  // NaN stays NaN
    const double r = 1 / sqrt(var + eps), keep = momentum;
    mean[c] = static_cast<float>(m);
    inverse_std[c] = static_cast<float>(r);
    const double unbiased = n > 1 ? var * n / (n - 1) : var;
    running_mean[c] = static_cast<float>(keep * running_mean[c] + (1 - keep) * m);
    running_var[c] = static_cast<float>(keep * running_var[c] + (1 - keep) * unbiased);
    if (scale == nullptr) return;
    scale[c] = __float2half_rn(static_cast<float>(gamma[c] * r));
    shift[c] = __float2half_rn(static_cast<float>(beta[c] - m * gamma[c] * r));
  }
};
__global__ void __launch_bounds__(kSide* kDepth)
    FinishStatisticsKernel(Rows rows, const Halves* x, const double* partial, ChannelState state) {
  __shared__ double shared[kDepth * kSide];
  const auto c = static_cast<int32_t>(blockIdx.x * kSide + threadIdx.x);
  const TwoSums sums = SumBlocks(rows, partial, c, shared);
  if (threadIdx.y > 0 || c >= rows.groups * kLanes) return;
  const auto n = static_cast<double>(rows.count);
  const double d = sums.first / n;
  state.Set(c, static_cast<double>(__half2float(x[c / kLanes].v[c % kLanes])) + d,
            sums.second / n - d * d, n);
}

// From sums around zero.
template <class Sum>
struct StatisticsFromSums {
  const Sum* sums;  // [2, channels]
  int32_t channels;
  double n;
  ChannelState state;
  __host__ __device__ void operator()(int64_t i) const {
    const auto c = static_cast<int32_t>(i);
    const double mean = sums[c] / n;
    state.Set(c, mean, sums[channels + c] / n - mean * mean, n);
  }
};

// The blocks' sums to the first block's place, around zero, which all ranks share: doubles have the
// digits for it.
__global__ void __launch_bounds__(kSide* kDepth)
    UnshiftedSumsKernel(Rows rows, const Halves* x, double* partial) {
  __shared__ double shared[kDepth * kSide];
  const auto c = static_cast<int32_t>(blockIdx.x * kSide + threadIdx.x);
  const TwoSums sums = SumBlocks(rows, partial, c, shared);
  const int32_t channels = rows.groups * kLanes;
  if (threadIdx.y > 0 || c >= channels) return;
  const double shift = __half2float(x[c / kLanes].v[c % kLanes]);
  const auto n = static_cast<double>(rows.count);
  partial[c] = sums.first + n * shift;
  partial[channels + c] = sums.second + 2 * shift * sums.first + n * shift * shift;
}

__global__ void __launch_bounds__(kSide* kDepth)
    FinishSumsKernel(Rows rows, const double* partial, float* sums) {
  __shared__ double shared[kDepth * kSide];
  const auto c = static_cast<int32_t>(blockIdx.x * kSide + threadIdx.x);
  const TwoSums both = SumBlocks(rows, partial, c, shared);
  const int32_t channels = rows.groups * kLanes;
  if (threadIdx.y > 0 || c >= channels) return;
  sums[c] = static_cast<float>(both.first);
  sums[channels + c] = static_cast<float>(both.second);
}

// dx = slope dy + curve (x - mean) + constant, by channel.
struct GradientFactors {
  float *slope, *curve, *constant;
};
template <class Sum>
struct FactorsOf {
  const float *gamma, *inverse_std;
  const Sum *dgamma, *dbeta;
  double n;
  GradientFactors factors;
  __host__ __device__ void operator()(int64_t c) const {
    const double r = inverse_std[c], slope = gamma[c] * r;
    factors.slope[c] = static_cast<float>(slope);
    factors.curve[c] = static_cast<float>(-slope * r * dgamma[c] / n);
    factors.constant[c] = static_cast<float>(-slope * dbeta[c] / n);
  }
};
// Leaves dbeta and dgamma in the first block's place, too, as they were before they were rounded.
__global__ void __launch_bounds__(kSide* kDepth)
    FinishGradientKernel(Rows rows, double* partial, const float* inverse_std, float* dgamma,
                         float* dbeta, FactorsOf<float> factors) {
  __shared__ double shared[kDepth * kSide];
  const auto c = static_cast<int32_t>(blockIdx.x * kSide + threadIdx.x);
  const TwoSums sums = SumBlocks(rows, partial, c, shared);
  const int32_t channels = rows.groups * kLanes;
  if (threadIdx.y > 0 || c >= channels) return;
  partial[c] = sums.first;
  partial[channels + c] = sums.second * inverse_std[c];
  dbeta[c] = static_cast<float>(partial[c]);
  dgamma[c] = static_cast<float>(partial[channels + c]);
  if (factors.gamma != nullptr) factors(c);
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
  const Halves *x, *residual;  // residual may be null
  Norm norm;
  Halves* y;
  uint8_t* mask;  // may be null
  int32_t groups;
  bool relu;
  __host__ __device__ void operator()(int64_t i) const {
    float out[kLanes];
    norm.Read(static_cast<int32_t>(i % groups), x[i], out);
    Halves add{};
    if (residual != nullptr) add = residual[i];
    uint32_t bits = 0;
    for (int lane = 0; lane < kLanes; ++lane) {
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

const Halves* AsHalves(const void* values) { return static_cast<const Halves*>(values); }
dim3 SidesOf(const Rows& rows) { return {BlocksFor(rows.channels(), kSide)}; }
dim3 BlocksOf(const Rows& rows) { return {static_cast<uint32_t>(rows.blocks)}; }

class CudaBatchNorm final : public Op {
 public:
  CudaBatchNorm(const CudaContext& context, const BatchNormDesc& desc)
      : context_(context), desc_(desc), rows_(RowsOf(desc.x)) {}

  // saved: mean, 1 / std, then scale and shift or the mask. scratch: sums of blocks, three factors.
  Needs needs() const override {
    const size_t channel = static_cast<size_t>(rows_.channels()) * sizeof(float);
    if (!desc_.training) return {0, channel};
    return {
        2 * channel + (desc_.deferred ? channel : 0) + (masks() ? static_cast<size_t>(size()) : 0),
        NormScratch(desc_.x) + 3 * channel};
  }

  void Bind(const OpArgs& args) override {
    SSD_CHECK(args.x != nullptr && args.gamma != nullptr && args.beta != nullptr);
    SSD_CHECK(desc_.deferred == (args.y == nullptr) && desc_.sums == (args.sums != nullptr));
    SSD_CHECK(span() == nullptr || !(desc_.deferred || desc_.sums));
    SSD_CHECK(args.running_mean != nullptr && args.running_var != nullptr);
    SSD_CHECK(args.scratch != nullptr && desc_.residual == (args.residual != nullptr));
    for (const float* values :
         {args.gamma, args.beta, static_cast<const float*>(args.running_mean)})
      SSD_CHECK(reinterpret_cast<uintptr_t>(values) % alignof(Floats) == 0);
    args_ = args;
    mean_ = args.running_mean;
    inverse_std_ = static_cast<float*>(args.scratch);
    if (desc_.training) BindTraining();
  }

  void Forward() override {
    if (!desc_.training) {
      ForEach(context_, rows_.channels(), InverseStd{args_.running_var, desc_.eps, inverse_std_});
    } else if (desc_.sums) {
      ForEach(context_, rows_.channels(),
              StatisticsFromSums<float>{args_.sums, rows_.channels(), n(), State()});
    } else {
      Launch(context_, StatisticsKernel, BlocksOf(rows_), {kThreads}, rows_, x(), partial_);
      FinishStatistics();
    }
    if (desc_.deferred) return;
    ForEach(context_, size(),
            Apply{x(), AsHalves(args_.residual),
                  Norm{AsFloats(mean_), AsFloats(inverse_std_), AsFloats(args_.gamma),
                       AsFloats(args_.beta)},
                  static_cast<Halves*>(args_.y), mask_, rows_.groups, desc_.relu});
  }

  // With xhat = (x - mean) / std: dbeta = sum dy, dgamma = sum dy xhat,
  // dx = gamma / std (dy - dbeta / n - xhat dgamma / n).
  void Backward() override {
    SSD_CHECK(desc_.training);
    if (desc_.deferred) {
      ForEach(context_, rows_.channels(), Factors(args_.dgamma, args_.dbeta));
    } else {
      Launch(context_, GradientSumsKernel, BlocksOf(rows_), {kThreads}, rows_, x(), AsFloats(mean_),
             *dy_, static_cast<Halves*>(args_.dresidual), partial_);
      FinishGradient();
    }
    ForEach(context_, size(),
            InputGradient{x(), AsFloats(mean_), *dx_from_, AsFloats(factors_.slope),
                          AsFloats(factors_.curve), AsFloats(factors_.constant),
                          static_cast<Halves*>(args_.dx), rows_.groups});
  }

 private:
  void BindTraining() {
    SSD_CHECK(args_.saved != nullptr && args_.dx != nullptr && !args_.dy.empty());
    SSD_CHECK(args_.dgamma != nullptr && args_.dbeta != nullptr);
    SSD_CHECK((desc_.residual && !desc_.finished) == (args_.dresidual != nullptr));
    SSD_CHECK(!desc_.finished || args_.dy.size() == 1);
    const int32_t channels = rows_.channels();
    mean_ = static_cast<float*>(args_.saved);
    inverse_std_ = mean_ + channels;
    mask_ = masks() ? reinterpret_cast<uint8_t*>(inverse_std_ + channels) : nullptr;
    partial_ = static_cast<double*>(args_.scratch);
    factors_.slope =
        reinterpret_cast<float*>(static_cast<std::byte*>(args_.scratch) + NormScratch(desc_.x));
    factors_.curve = factors_.slope + channels;
    factors_.constant = factors_.curve + channels;
    dy_.emplace(MaskedGradient{GradientTerms(args_.dy), mask_});
    // With a residual, the gradient of y is stored: the second pass reads it instead of the terms.
    dx_from_ = args_.dresidual != nullptr
                   ? MaskedGradient{GradientTerms({args_.dresidual}), nullptr}
                   : *dy_;
  }

  void FinishStatistics() {
    if (span() == nullptr) {
      Launch(context_, FinishStatisticsKernel, SidesOf(rows_), {kSide, kDepth}, rows_, x(),
             partial_, State());
      return;
    }
    Launch(context_, UnshiftedSumsKernel, SidesOf(rows_), {kSide, kDepth}, rows_, x(), partial_);
    SumOverSpan();
    ForEach(context_, rows_.channels(),
            StatisticsFromSums<double>{partial_, rows_.channels(), n(), State()});
  }

  // dgamma and dbeta are this rank's: gradients are averaged later. dx takes the span's.
  void FinishGradient() {
    const bool alone = span() == nullptr;
    Launch(context_, FinishGradientKernel, SidesOf(rows_), {kSide, kDepth}, rows_, partial_,
           inverse_std_, args_.dgamma, args_.dbeta,
           alone ? Factors(args_.dgamma, args_.dbeta) : FactorsOf<float>{});
    if (alone) return;
    SumOverSpan();
    ForEach(context_, rows_.channels(), Factors(partial_ + rows_.channels(), partial_));
  }

  void SumOverSpan() {
    span()->Sum({partial_, 2 * static_cast<size_t>(rows_.channels())}, context_.stream);
  }

  template <class Sum>
  FactorsOf<Sum> Factors(Sum* dgamma, Sum* dbeta) const {
    return {args_.gamma, inverse_std_, dgamma, dbeta, n(), factors_};
  }

  ChannelState State() const {
    ChannelState state{
        mean_,   inverse_std_, args_.running_mean, args_.running_var, desc_.eps, desc_.momentum,
        nullptr, nullptr,      args_.gamma,        args_.beta};
    if (desc_.deferred) {
      const NormState norm = NormStateOf(args_.saved, rows_.channels());
      state.scale = norm.scale;
      state.shift = norm.shift;
    }
    return state;
  }
  bool masks() const { return desc_.relu && !desc_.finished; }
  int64_t size() const { return rows_.count * rows_.groups; }  // in Halves
  NormSpan* span() const { return context_.norm_span; }
  double n() const {  // rows that statistics are over
    return static_cast<double>(rows_.count * (span() == nullptr ? 1 : span()->ranks()));
  }
  const Halves* x() const { return AsHalves(args_.x); }

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

Norm NormOf(const NormState& state, const float* gamma, const float* beta) {
  return {AsFloats(state.mean), AsFloats(state.inverse_std), AsFloats(gamma), AsFloats(beta)};
}

}  // namespace

std::unique_ptr<Op> MakeCudaBatchNorm(const CudaContext& context, const BatchNormDesc& desc) {
  if (desc.x.channels % kLanes != 0 || desc.x.channels > kMaxChannels) {
    Throw(Status::kInvalid,
          "BatchNorm of %lld channels: the CUDA backend takes multiples of %d up to %d",
          static_cast<long long>(desc.x.channels), kLanes, kMaxChannels);
  }
  return std::make_unique<CudaBatchNorm>(context, desc);
}

NormState NormStateOf(void* saved, int64_t channels) {
  auto* mean = static_cast<float*>(saved);
  auto* scale = reinterpret_cast<__half*>(mean + 2 * channels);
  return {mean, mean + channels, scale, scale + channels};
}

size_t NormScratch(const ValueDesc& x) {
  const Rows rows = RowsOf(x);
  return 2 * static_cast<size_t>(rows.blocks * rows.channels()) * sizeof(double);
}

void NormSums(const CudaContext& context, const ValueDesc& desc, const void* x, void* scratch,
              float* sums) {
  const Rows rows = RowsOf(desc);
  auto* partial = static_cast<double*>(scratch);
  Launch(context, SumsKernel, BlocksOf(rows), {kThreads}, rows, AsHalves(x), partial);
  Launch(context, FinishSumsKernel, SidesOf(rows), {kSide, kDepth}, rows, partial, sums);
}

void Normalise(const CudaContext& context, const ValueDesc& desc, const void* x,
               const NormState& norm, const float* gamma, const float* beta, void* y) {
  const Rows rows = RowsOf(desc);
  ForEach(context, rows.count * rows.groups,
          Apply{AsHalves(x), nullptr, NormOf(norm, gamma, beta), static_cast<Halves*>(y), nullptr,
                rows.groups, true});
}

void NormGradient(const CudaContext& context, const ValueDesc& desc, const void* x,
                  const NormState& norm, const float* gamma, const float* beta, void* dy,
                  void* scratch, float* dgamma, float* dbeta) {
  const Rows rows = RowsOf(desc);
  auto* partial = static_cast<double*>(scratch);
  Launch(context, NormGradientKernel, BlocksOf(rows), {kThreads}, rows, AsHalves(x),
         NormOf(norm, gamma, beta), static_cast<Halves*>(dy), partial);
  Launch(context, FinishGradientKernel, SidesOf(rows), {kSide, kDepth}, rows, partial,
         norm.inverse_std, dgamma, dbeta, FactorsOf<float>{});
}

}  // namespace ssd
