// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "backends/cpu/winograd4_kernels.h"

namespace ssd {

// A 3x3 convolution of bf16 maps in f32 with 4 times fewer multiplications: Winograd's F(4x4,3x3).
// Neither weights nor what is multiplied are rounded, so it is nearer to the exact result than a
// direct convolution in bf16 (docs/decisions/0006-winograd-f32.md). The same bytes for every number
// of threads.
class Winograd4 {
 public:
  // Whether this processor gains by it: one whose dot product of bf16 is no faster than its
  // multiplication of f32, and which has no AMX.
  static bool Gains(const CpuContext& context);
  // Kernel 3, stride 1, pad 1, input channels a multiple of 16, a map of some tiles.
  static bool Takes(const ConvDesc& desc);
  static winograd4::Map MapOf(const ConvDesc& desc);
  // map.in and map.out are the outputs and the inputs of the layer, where it is for dx.
  Winograd4(int threads, const winograd4::Map& map);

  size_t packed_bytes() const;  // of the transformed weights
  size_t scratch_bytes() const { return scratch_; }
  // turned: for dx.
  void Pack(const float* weight, bool turned, float* packed) const;
  void Run(const void* x, const float* packed, const winograd4::Target& target,
           void* scratch) const;

 private:
  const int threads_;
  const winograd4::Map map_;
  const int64_t block_;         // tiles that a thread transforms and multiplies at a time
  size_t v_, m_, scratch_ = 0;  // for each thread one v, then one m
};

}  // namespace ssd
