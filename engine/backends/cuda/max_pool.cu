// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "backends/cuda/halves.h"
#include "backends/cuda/max_pool.h"

namespace ssd {
namespace {

constexpr int32_t kThreads = 256;

struct Shape {
  int32_t batch, groups;  // of kLanes channels
  int32_t x_height, x_width, y_height, y_width;
  int32_t kernel, stride, pad;
};

struct alignas(8) Winners {
  uint8_t v[kLanes];  // row * kernel + column within the window
};

// Image, row, column and channel group of a thread in [batch][height][width][groups].
struct Place {
  int32_t n, row, column, group;
};
__device__ __forceinline__ Place PlaceAt(int32_t i, int32_t height, int32_t width, int32_t groups) {
  const int32_t pixel = i / groups, line = pixel / width;
  return {line / height, line % height, pixel % width, i % groups};
}

// winners may be null.
__global__ void __launch_bounds__(kThreads)
    PoolKernel(Shape s, int32_t size, const Halves* x, Halves* y, Winners* winners) {
  const int32_t i = static_cast<int32_t>(blockIdx.x * kThreads + threadIdx.x);
  if (i >= size) return;
  const Place at = PlaceAt(i, s.y_height, s.y_width, s.groups);
  const int32_t top = at.row * s.stride - s.pad, left = at.column * s.stride - s.pad;
  Halves best;
  Winners winner;
  bool any = false;
  for (int32_t p = max(0, -top); p < min(s.kernel, s.x_height - top); ++p) {
    for (int32_t q = max(0, -left); q < min(s.kernel, s.x_width - left); ++q) {
      const int64_t pixel =
          (static_cast<int64_t>(at.n) * s.x_height + top + p) * s.x_width + left + q;
      const Halves v = x[pixel * s.groups + at.group];
      for (int lane = 0; lane < kLanes; ++lane) {
        if (any && !(__half2float(v.v[lane]) > __half2float(best.v[lane]))) continue;
        best.v[lane] = v.v[lane];
        winner.v[lane] = static_cast<uint8_t>(p * s.kernel + q);
      }
      any = true;
    }
  }
  y[i] = best;
  if (winners != nullptr) winners[i] = winner;
}

// Each input gathers from the windows that hold it.
__global__ void __launch_bounds__(kThreads)
    UnpoolKernel(Shape s, int32_t size, GradientTerms dy, const Winners* winners, Halves* dx) {
  const int32_t i = static_cast<int32_t>(blockIdx.x * kThreads + threadIdx.x);
  if (i >= size) return;
  const Place at = PlaceAt(i, s.x_height, s.x_width, s.groups);
  const int32_t row = at.row + s.pad, column = at.column + s.pad;
  const int32_t first_row = max(0, (row - s.kernel + s.stride) / s.stride);
  const int32_t first_column = max(0, (column - s.kernel + s.stride) / s.stride);
  float sum[kLanes] = {};
  for (int32_t r = first_row; r <= min(row / s.stride, s.y_height - 1); ++r) {
    for (int32_t c = first_column; c <= min(column / s.stride, s.y_width - 1); ++c) {
      const int64_t j =
          ((static_cast<int64_t>(at.n) * s.y_height + r) * s.y_width + c) * s.groups + at.group;
      const int32_t self = (row - r * s.stride) * s.kernel + column - c * s.stride;
      const Winners winner = winners[j];
      float term[kLanes] = {};
      dy.AddTo(term, j);
      for (int lane = 0; lane < kLanes; ++lane)
        sum[lane] += winner.v[lane] == self ? term[lane] : 0;
    }
  }
  dx[i] = ToHalves(sum);
}

class CudaMaxPool final : public Op {
 public:
  CudaMaxPool(const CudaContext& context, const MaxPoolDesc& desc)
      : context_(context), training_(desc.training), shape_(ShapeOf(desc)) {}

  Needs needs() const override {
    return {training_ ? static_cast<size_t>(y_size()) * sizeof(Winners) : 0, 0};
  }

  void Bind(const OpArgs& args) override {
    SSD_CHECK(args.x != nullptr && args.y != nullptr);
    args_ = args;
    if (!training_) return;
    SSD_CHECK(args.saved != nullptr && args.dx != nullptr);
    dy_.emplace(args.dy);
  }

  void Forward() override {
    Launch(context_, PoolKernel, {BlocksFor(y_size(), kThreads)}, {kThreads}, shape_, y_size(),
           static_cast<const Halves*>(args_.x), static_cast<Halves*>(args_.y),
           training_ ? static_cast<Winners*>(args_.saved) : nullptr);
  }

  void Backward() override {
    SSD_CHECK(training_);
    Launch(context_, UnpoolKernel, {BlocksFor(x_size(), kThreads)}, {kThreads}, shape_, x_size(),
           *dy_, static_cast<const Winners*>(args_.saved), static_cast<Halves*>(args_.dx));
  }

 private:
  static Shape ShapeOf(const MaxPoolDesc& desc) {
    const auto narrow = [](int64_t v) { return static_cast<int32_t>(v); };
    return {narrow(desc.x.batch),  narrow(desc.x.channels / kLanes),
            narrow(desc.x.height), narrow(desc.x.width),
            narrow(desc.y.height), narrow(desc.y.width),
            narrow(desc.kernel),   narrow(desc.stride),
            narrow(desc.pad)};
  }
  int32_t x_size() const { return shape_.batch * shape_.x_height * shape_.x_width * shape_.groups; }
  int32_t y_size() const { return shape_.batch * shape_.y_height * shape_.y_width * shape_.groups; }

  const CudaContext context_;
  const bool training_;
  const Shape shape_;
  OpArgs args_;
  std::optional<GradientTerms> dy_;
};

}  // namespace

std::unique_ptr<Op> MakeCudaMaxPool(const CudaContext& context, const MaxPoolDesc& desc) {
  const ValueDesc &x = desc.x, &y = desc.y;
  if (x.channels % kLanes != 0 || x.channels != y.channels || desc.kernel > 15 || desc.kernel < 1 ||
      desc.stride < 1 || desc.pad < 0 || desc.pad >= desc.kernel) {
    Throw(Status::kInvalid,
          "max-pool %lldx%lld/%lld, pad %lld, of %lld channels: the CUDA backend takes windows up "
          "to 15x15 that hold at least one input, and multiples of 8 channels",
          static_cast<long long>(desc.kernel), static_cast<long long>(desc.kernel),
          static_cast<long long>(desc.stride), static_cast<long long>(desc.pad),
          static_cast<long long>(x.channels));
  }
  for (const ValueDesc& v : {x, y})
    SSD_CHECK(v.batch * v.height * v.width * v.channels / kLanes < INT32_MAX - kThreads);
  return std::make_unique<CudaMaxPool>(context, desc);
}

}  // namespace ssd
