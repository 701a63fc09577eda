// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/winograd4.h"

#include <omp.h>

#include <algorithm>

namespace ssd {

using winograd4::kPoints;
using winograd4::kRows;

namespace {

size_t Lines(int64_t values) {
  return (static_cast<size_t>(values) * sizeof(float) + 63) / 64 * 64;
}

int64_t BlockOf(const winograd4::Map& map, int threads) {
  const int64_t share = (map.tiles() + threads - 1) / threads;
  return (std::min(winograd4::kTiles, share) + kRows - 1) / kRows * kRows;
}

}  // namespace

bool Winograd4::Gains(const CpuContext& context) {
  using dnnl::cpu_isa;
  const cpu_isa isa = dnnl::get_effective_cpu_isa();
  return context.precision == Precision::kBF16 &&
         (isa == cpu_isa::avx512_core || isa == cpu_isa::avx512_core_vnni ||
          isa == cpu_isa::avx512_core_fp16);
}

bool Winograd4::Takes(const ConvDesc& desc) {
  return desc.kernel == 3 && desc.stride == 1 && desc.pad == 1 && desc.x.channels % 16 == 0 &&
         desc.x.height >= 10 && desc.x.width >= 10;
}

winograd4::Map Winograd4::MapOf(const ConvDesc& desc) {
  return {desc.x.batch, desc.x.height, desc.x.width, desc.x.channels, desc.y.channels};
}

Winograd4::Winograd4(int threads, const winograd4::Map& map)
    : threads_(threads),
      map_(map),
      block_(BlockOf(map, threads)),
      v_(Lines(kPoints * block_ * map.in_step())),
      m_(Lines(kPoints * block_ * map.out_step())),
      scratch_((v_ + m_) * static_cast<size_t>(threads)) {}

size_t Winograd4::packed_bytes() const { return Lines(map_.weights()); }

void Winograd4::Pack(const float* weight, bool turned, float* packed) const {
#pragma omp parallel num_threads(threads_)
  winograd4::TransformWeights(map_, weight, turned,
                              RangeOf(map_.panels(), omp_get_thread_num(), omp_get_num_threads()),
                              packed);
}

void Winograd4::Run(const void* x, const float* packed, const winograd4::Target& target,
                    void* scratch) const {
  const int64_t blocks = (map_.tiles() + block_ - 1) / block_;
#pragma omp parallel num_threads(threads_)
  {
    const int thread = omp_get_thread_num();
    auto* mine = static_cast<std::byte*>(scratch) + (v_ + m_) * static_cast<size_t>(thread);
    auto* v = reinterpret_cast<float*>(mine);
    auto* m = reinterpret_cast<float*>(mine + v_);
    const Range part = RangeOf(blocks, thread, omp_get_num_threads());
    for (int64_t b = part.begin; b < part.end; ++b)
      winograd4::Convolve(map_, static_cast<const bfloat16*>(x), packed,
                          {b * block_, std::min((b + 1) * block_, map_.tiles())}, block_, v, m,
                          target);
  }
}

}  // namespace ssd
