// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/winograd.h"

#include <omp.h>

#include <algorithm>

#include "core/error.h"

namespace ssd {

namespace {

// Tiles of a block of the data gradient: what is transformed and multiplied stays in the L2 cache.
constexpr int64_t kTiles = 32;
// Pairs of tiles that a thread transforms for a block of the weight gradient.
constexpr int64_t kPairs = 48;

size_t Bytes(int64_t elements, size_t size) { return static_cast<size_t>(elements) * size; }
size_t VBytes(const winograd::Map& map) {
  return Bytes(winograd::kPoints * kTiles * map.y_channels, sizeof(bfloat16));
}
size_t MBytes(const winograd::Map& map) {
  return Bytes(winograd::kPoints * kTiles * map.x_channels, sizeof(float));
}

}  // namespace

bool Winograd::Gains(const CpuContext& context) {
  return context.precision == Precision::kBF16 &&
         dnnl::get_effective_cpu_isa() == dnnl::cpu_isa::avx512_core_bf16;
}

bool Winograd::Takes(const ConvDesc& desc) {
  return desc.kernel == 3 && desc.stride == 1 && desc.pad == 1 && !desc.bias &&
         desc.y.layout == Layout::kActivation && desc.x.channels % winograd::kChannels == 0 &&
         desc.y.channels % winograd::kChannels == 0;
}

Winograd::Winograd(const CpuContext& context, const ConvDesc& desc)
    : threads_(context.threads),
      input_gradient_(desc.input_gradient),
      map_{desc.x.batch, desc.x.height, desc.x.width, desc.x.channels, desc.y.channels},
      pairs_(std::min(kPairs * threads_, (map_.tiles() + 1) / 2)) {
  SSD_CHECK(Takes(desc));
  using winograd::kPoints;
  const int64_t in = map_.x_channels, out = map_.y_channels, threads = threads_;
  ScratchPlan data, weight;
  u_ = data.Add(Bytes(kPoints * in * out / 2, sizeof(winograd::Pair)));
  v_ = data.Add(VBytes(map_) * Bytes(threads, 1));
  m_ = data.Add(MBytes(map_) * Bytes(threads, 1));
  x_ = weight.Add(Bytes(kPoints * pairs_ * in, sizeof(winograd::Pair)));
  dy_ = weight.Add(Bytes(kPoints * pairs_ * out, sizeof(winograd::Pair)));
  sum_ = weight.Add(Bytes(kPoints * in * out, sizeof(float)));
  scratch_ = std::max(input_gradient_ ? data.size() : 0, weight.size());
}

void Winograd::Bind(const OpArgs& args, const void* dy, void* scratch) {
  args_ = args;
  gradient_ = static_cast<const bfloat16*>(dy);
  base_ = static_cast<std::byte*>(scratch);
}

void Winograd::Run() {
  WeightGradient();
  if (input_gradient_) DataGradient();
}

void Winograd::WeightGradient() {
  const auto* x = static_cast<const bfloat16*>(args_.x);
  auto* sum = Scratch<float>(sum_);
  const int64_t all = (map_.tiles() + 1) / 2;
#pragma omp parallel num_threads(threads_)
  {
    const int thread = omp_get_thread_num(), threads = omp_get_num_threads();
    const auto part = [&](int64_t size) { return RangeOf(size, thread, threads); };
    for (int64_t first = 0; first < all; first += pairs_) {
      const winograd::PairBlock block = {first, std::min(pairs_, all - first),
                                         Scratch<winograd::Pair>(x_), Scratch<winograd::Pair>(dy_)};
      winograd::TransformPairs(map_, x, gradient_, block, part(block.pairs));
#pragma omp barrier
      winograd::AddPairs(map_, block,
                         part(winograd::kPoints * map_.y_channels / winograd::kChannels),
                         first == 0, sum);
#pragma omp barrier
    }
    winograd::WeightGradient(map_, sum, part(map_.y_channels), args_.dweight);
  }
}

void Winograd::DataGradient() {
  auto* u = Scratch<winograd::Pair>(u_);
  const int64_t blocks = (map_.tiles() + kTiles - 1) / kTiles;
#pragma omp parallel num_threads(threads_)
  {
    const int thread = omp_get_thread_num(), threads = omp_get_num_threads();
    auto* v = Scratch<bfloat16>(v_ + VBytes(map_) * Bytes(thread, 1));
    auto* m = Scratch<float>(m_ + MBytes(map_) * Bytes(thread, 1));
    winograd::TransformWeights(map_, args_.weight,
                               RangeOf(map_.x_channels / winograd::kChannels, thread, threads), u);
#pragma omp barrier
    const Range mine = RangeOf(blocks, thread, threads);
    for (int64_t b = mine.begin; b < mine.end; ++b)
      winograd::DataGradient(map_, gradient_, u,
                             {b * kTiles, std::min((b + 1) * kTiles, map_.tiles())}, kTiles, v, m,
                             static_cast<bfloat16*>(args_.dx));
  }
}

}  // namespace ssd
