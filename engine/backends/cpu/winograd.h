// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "backends/cpu/conv_pass.h"
#include "backends/cpu/winograd_kernels.h"

namespace ssd {

// Backward of a convolution in bf16 with 2.25 times fewer multiplications: Winograd's F(2x2,3x3).
// What it rounds beyond a direct convolution is a transformed gradient, input or weight, so
// gradients come out about 1.8 times as far from the exact ones; the outputs of the forward pass
// must be nearer (docs/decisions/0003-winograd.md). The same bytes for every number of threads.
class Winograd : public ConvPass {
 public:
  // Whether this processor gains by it: one whose dot product of bf16 is twice as fast as its
  // multiplication of f32 and which has no AMX; see Winograd4 for the others.
  static bool Gains(const CpuContext& context);
  // Kernel 3, stride 1, pad 1, channels a multiple of 32, no bias: the blocks of the network.
  static bool Takes(const ConvDesc& desc);
  Winograd(const CpuContext& context, const ConvDesc& desc);

  size_t scratch() const override { return scratch_; }
  void Bind(const OpArgs& args, const void* dy, void* scratch) override;
  void Run() override;

 private:
  void DataGradient();
  void WeightGradient();
  template <class T>
  T* Scratch(size_t offset) const {
    return reinterpret_cast<T*>(base_ + offset);
  }

  const int threads_;
  const bool input_gradient_;
  const winograd::Map map_;
  const int64_t pairs_;  // of tiles in a block of the weight gradient
  // Offsets in the scratch area. Of the data gradient: u_, and for each thread v_ and m_; of the
  // weight gradient, which is done before: x_, dy_, sum_.
  size_t u_, v_, m_, x_, dy_, sum_, scratch_;
  OpArgs args_;
  const bfloat16* gradient_ = nullptr;
  std::byte* base_ = nullptr;
};

}  // namespace ssd
