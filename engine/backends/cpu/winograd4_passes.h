// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "backends/cpu/conv_pass.h"
#include "backends/cpu/winograd4.h"

namespace ssd {

class Winograd4Forward : public ConvPass {
 public:
  Winograd4Forward(const CpuContext& context, const ConvDesc& desc);

  size_t scratch() const override { return scratch_.size(); }
  void Bind(const OpArgs& args, const void* dy, void* scratch) override;
  void Run() override;

 private:
  const ConvDesc desc_;
  const Winograd4 winograd_;
  ScratchPlan scratch_;
  size_t packed_, pad_;
  OpArgs args_;
  std::byte* base_ = nullptr;
};

// Both gradients in f32 by F(4x4,3x3): see Winograd4, which makes dx. The same bytes for every
// number of threads.
class Winograd4Backward : public ConvPass {
 public:
  // Of those that Winograd4 takes the ones with channels a multiple of 32 and no bias: the blocks.
  static bool Takes(const ConvDesc& desc);
  Winograd4Backward(const CpuContext& context, const ConvDesc& desc);

  size_t scratch() const override { return scratch_; }
  void Bind(const OpArgs& args, const void* dy, void* scratch) override;
  void Run() override;

 private:
  void WeightGradient();
  void DataGradient();
  float* Scratch(size_t offset) const { return reinterpret_cast<float*>(base_ + offset); }

  const int threads_;
  const bool input_gradient_;
  const winograd4::Map map_;
  const Winograd4 data_;
  const int64_t tiles_;  // of a block of the weight gradient
  // Offsets in the scratch area. Of dx: packed_, pad_; of the weight gradient, which is done
  // before: x_, dy_, sum_.
  size_t packed_, pad_, x_, dy_, sum_, scratch_;
  OpArgs args_;
  const bfloat16* gradient_ = nullptr;
  std::byte* base_ = nullptr;
};

}  // namespace ssd
