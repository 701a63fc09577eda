// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/winograd4_passes.h"

#include <omp.h>

#include <algorithm>

#include "core/error.h"

namespace ssd {

using winograd4::kPoints;

namespace {

size_t Bytes(int64_t values) { return static_cast<size_t>(values) * sizeof(float); }

}  // namespace

Winograd4Forward::Winograd4Forward(const CpuContext& context, const ConvDesc& desc)
    : desc_(desc),
      winograd_(context.threads, Winograd4::MapOf(desc)),
      packed_(scratch_.Add(winograd_.packed_bytes())),
      pad_(scratch_.Add(winograd_.scratch_bytes())) {}

void Winograd4Forward::Bind(const OpArgs& args, const void* /*dy*/, void* scratch) {
  args_ = args;
  base_ = static_cast<std::byte*>(scratch);
}

void Winograd4Forward::Run() {
  auto* packed = reinterpret_cast<float*>(base_ + packed_);
  winograd_.Pack(args_.weight, false, packed);
  winograd_.Run(args_.x, packed,
                {args_.y, desc_.y.layout == Layout::kHead, desc_.bias ? args_.bias : nullptr,
                 nullptr, desc_.relu},
                base_ + pad_);
}

bool Winograd4Backward::Takes(const ConvDesc& desc) {
  using winograd4::kChannels;
  return Winograd4::Takes(desc) && !desc.bias && desc.y.layout == Layout::kActivation &&
         desc.x.channels % kChannels == 0 && desc.y.channels % kChannels == 0;
}

Winograd4Backward::Winograd4Backward(const CpuContext& context, const ConvDesc& desc)
    : threads_(context.threads),
      input_gradient_(desc.input_gradient),
      map_(Winograd4::MapOf(desc)),
      data_(context.threads,
            {map_.batch, map_.height, map_.width, desc.y.channels, desc.x.channels}),
      tiles_(std::min(winograd4::kTiles * threads_, map_.tiles())) {
  SSD_CHECK(Takes(desc));
  ScratchPlan data, weight;
  packed_ = data.Add(data_.packed_bytes());
  pad_ = data.Add(data_.scratch_bytes());
  x_ = weight.Add(Bytes(kPoints * tiles_ * map_.in));
  dy_ = weight.Add(Bytes(kPoints * tiles_ * map_.out));
  sum_ = weight.Add(Bytes(kPoints * map_.in * map_.out));
  scratch_ = std::max(input_gradient_ ? data.size() : 0, weight.size());
}

void Winograd4Backward::Bind(const OpArgs& args, const void* dy, void* scratch) {
  args_ = args;
  gradient_ = static_cast<const bfloat16*>(dy);
  base_ = static_cast<std::byte*>(scratch);
}

void Winograd4Backward::Run() {
  WeightGradient();
  if (input_gradient_) DataGradient();
}

void Winograd4Backward::WeightGradient() {
  const auto* x = static_cast<const bfloat16*>(args_.x);
  float* sum = Scratch(sum_);
#pragma omp parallel num_threads(threads_)
  {
    const int thread = omp_get_thread_num(), threads = omp_get_num_threads();
    const auto part = [&](int64_t size) { return RangeOf(size, thread, threads); };
    for (int64_t first = 0; first < map_.tiles(); first += tiles_) {
      const winograd4::TileBlock block = {first, std::min(tiles_, map_.tiles() - first),
                                          Scratch(x_), Scratch(dy_)};
      winograd4::TransformBlock(map_, x, gradient_, block, part(block.tiles));
#pragma omp barrier
      winograd4::AddBlock(map_, block, part(kPoints * map_.panels()), first == 0, sum);
#pragma omp barrier
    }
    winograd4::WeightGradient(map_, sum, part(map_.out), args_.dweight);
  }
}

void Winograd4Backward::DataGradient() {
  data_.Pack(args_.weight, true, Scratch(packed_));
  data_.Run(gradient_, Scratch(packed_), {args_.dx, false, nullptr, nullptr, false}, Scratch(pad_));
}

}  // namespace ssd
