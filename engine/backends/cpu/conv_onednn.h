// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <vector>

#include "backends/cpu/conv_pass.h"

namespace ssd {

// Descriptors that all convolutions by oneDNN share.
struct ConvMemory {
  dnnl::memory::desc x, y;          // channels last, in their types
  dnnl::memory::desc weight, bias;  // master copy: f32 OIHW, f32 [O] (empty without bias)
  dnnl::memory::desc any_weight;    // in the type of the maths, layout left to oneDNN
  dnnl::memory::dims stride, pad;

  ConvMemory(const CpuContext& context, const ConvDesc& desc);
};
dnnl::memory::desc ChannelsLast(const ValueDesc& value, dnnl::memory::data_type type);
inline constexpr auto kConvAlgorithm = dnnl::algorithm::convolution_direct;
// A new object each time: a copy would be the same one.
dnnl::primitive_attr ConvAttributes();
// What lies at data + offset.
dnnl::memory At(const CpuContext& context, const dnnl::memory::desc& desc, const void* data,
                size_t offset = 0);
PrimitiveCall Reorder(const dnnl::memory& from, const dnnl::memory& to);

// By oneDNN's primitives. They choose the layout of the weights: the master copy is converted on
// every pass.
class OneDnnForward : public ConvPass {
 public:
  OneDnnForward(const CpuContext& context, const ConvDesc& desc);

  size_t scratch() const override { return scratch_.size(); }
  void Bind(const OpArgs& args, const void* dy, void* scratch) override;
  void Run() override;

 private:
  const CpuContext context_;
  const bool bias_;
  const ConvMemory memory_;
  dnnl::convolution_forward::primitive_desc forward_;
  ScratchPlan scratch_;
  size_t weight_, pad_;
  std::vector<PrimitiveCall> calls_;
};

class OneDnnBackward : public ConvPass {
 public:
  OneDnnBackward(const CpuContext& context, const ConvDesc& desc);

  size_t scratch() const override { return std::max(of_weights_.size(), of_data_.size()); }
  void Bind(const OpArgs& args, const void* dy, void* scratch) override;
  void Run() override;

 private:
  void BindWeights(const OpArgs& args, const void* dy, void* scratch);
  void BindData(const OpArgs& args, const void* dy, void* scratch);

  const CpuContext context_;
  const ConvDesc desc_;
  const ConvMemory memory_;
  const dnnl::memory::desc dy_;  // of the activation type, also for heads
  dnnl::convolution_backward_weights::primitive_desc weights_;
  dnnl::convolution_backward_data::primitive_desc data_;  // empty without input gradient
  // The primitives run one after the other: each plan begins at 0.
  ScratchPlan of_weights_, of_data_;
  size_t dweight_, weights_pad_, weight_ = 0, data_pad_ = 0;
  std::vector<PrimitiveCall> calls_;
};

}  // namespace ssd
