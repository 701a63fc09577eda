// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/elementwise.h"
#include "backends/cuda/for_each.h"
#include "backends/cuda/halves.h"

namespace ssd {
namespace {

constexpr int32_t kThreads = 256;
constexpr int32_t kTile = 1024;  // (outer, inner) pairs of a block

struct SumOfTerms {
  GradientTerms terms;
  const Halves* relu_output;
  Halves* out;
  __host__ __device__ void operator()(int64_t i) const {
    float sum[kLanes] = {};
    terms.AddTo(sum, i);
    if (relu_output != nullptr) {
      const Halves y = relu_output[i];
      for (int lane = 0; lane < kLanes; ++lane)
        sum[lane] = __half2float(y.v[lane]) > 0 ? sum[lane] : 0;
    }
    out[i] = ToHalves(sum);
  }
};

struct Tile {
  int32_t segment, first;
};

struct Step {
  SgdRates rates;
  __host__ __device__ float operator()(float gradient, float w, float* m) const {
    const float g = gradient / rates.loss_scale + rates.decay * w;
    *m = rates.momentum * *m - rates.lr * g;
    return w + *m;
  }
};

struct StoreRates {
  SgdRates rates;
  SgdRates* to;
  __host__ __device__ void operator()(int64_t) const { *to = rates; }
};

// A thread takes all of a filter's area at one (outer, inner): w and m in whole runs, the f16 forms
// side by side with its neighbours.
__global__ void __launch_bounds__(kThreads)
    SgdKernel(const SgdSegment* segments, const Tile* tiles, const SgdRates* rates) {
  const Tile tile = tiles[blockIdx.x];
  const SgdSegment s = segments[tile.segment];
  const Step step{*rates};
  const int32_t pairs = s.outer * s.inner;
  const int32_t end = min(pairs, tile.first + kTile);
  for (int32_t p = tile.first + static_cast<int32_t>(threadIdx.x); p < end; p += kThreads) {
    const int32_t o = p / s.inner, i = p % s.inner;
    for (int32_t a = 0; a < s.area; ++a) {
      const int64_t at = static_cast<int64_t>(p) * s.area + a;
      const int64_t half_at = (static_cast<int64_t>(o) * s.area + a) * s.padded + i;
      const float gradient =
          s.gradient != nullptr ? s.gradient[at] : __half2float(s.half_gradient[half_at]);
      float m = s.m[at];
      const float w = step(gradient, s.w[at], &m);
      s.m[at] = m;
      s.w[at] = w;
      if (s.half_weight != nullptr) s.half_weight[half_at] = __float2half_rn(w);
    }
  }
}

template <class T>
std::unique_ptr<DeviceMemory> Upload(const CudaContext& context, const std::vector<T>& values) {
  auto memory = AllocateCuda(context, values.size() * sizeof(T));
  CopyToDevice(context, values.data(), values.size() * sizeof(T), memory->data());
  return memory;
}

}  // namespace

void SumGradient(const CudaContext& context, const std::vector<const void*>& terms,
                 const void* relu_output, int64_t size, void* out) {
  SSD_CHECK(size > 0 && size % kLanes == 0);
  ForEach(context, size / kLanes,
          SumOfTerms{GradientTerms(terms), static_cast<const Halves*>(relu_output),
                     static_cast<Halves*>(out)});
}

CudaSgd::CudaSgd(const CudaContext& context, const std::vector<SgdSegment>& segments)
    : context_(context) {
  std::vector<Tile> tiles;
  for (size_t s = 0; s < segments.size(); ++s) {
    const auto [w, m, gradient, half_gradient, half_weight, outer, inner, area, padded] =
        segments[s];
    SSD_CHECK(w != nullptr && m != nullptr);
    SSD_CHECK((gradient != nullptr) != (half_gradient != nullptr));
    SSD_CHECK(outer > 0 && inner > 0 && area > 0 && padded >= inner);
    SSD_CHECK(int64_t{outer} * inner < INT32_MAX - kTile);
    for (int32_t first = 0; first < outer * inner; first += kTile)
      tiles.push_back({static_cast<int32_t>(s), first});
    const int64_t at = w - segments.front().w, rows = int64_t{outer} * area;
    if (gradient != nullptr) {
      gradients_.push_back({gradient, rows * inner, DType::kF32, at});
    } else {
      gradients_.push_back({half_gradient, rows * padded, DType::kF16, at});
    }
  }
  SSD_CHECK(!tiles.empty());
  tiles_ = static_cast<uint32_t>(tiles.size());
  segment_ = Upload(context_, segments);
  tile_ = Upload(context_, tiles);
  rates_ = AllocateCuda(context_, sizeof(SgdRates));
}

void CudaSgd::SetRates(const SgdRates& rates) {
  // A kernel's argument needs no memory of the host that would have to outlive the call.
  ForEach(context_, 1, StoreRates{rates, static_cast<SgdRates*>(rates_->data())});
}

void CudaSgd::Run() {
  Launch(context_, SgdKernel, {tiles_}, {kThreads},
         static_cast<const SgdSegment*>(segment_->data()), static_cast<const Tile*>(tile_->data()),
         static_cast<const SgdRates*>(rates_->data()));
}

}  // namespace ssd
