// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "backends/cpu/context.h"

namespace ssd {

// A convolution of training: weights are converted from the master copy on every pass.
std::unique_ptr<Op> MakeTrainingConv(const CpuContext& context, const ConvDesc& desc);
// A convolution of inference: weights, with a folded BatchNorm, are packed by Refresh.
std::unique_ptr<Op> MakeInferenceConv(const CpuContext& context, const ConvDesc& desc);

// Descriptors that both share.
struct ConvMemory {
  dnnl::memory::desc x, y;          // channels last, in their types
  dnnl::memory::desc weight, bias;  // master copy: f32 OIHW, f32 [O] (empty without bias)
  dnnl::memory::desc any_weight;    // in the type of the maths, layout left to oneDNN
  dnnl::memory::dims stride, pad;

  ConvMemory(const CpuContext& context, const ConvDesc& desc);
};
dnnl::memory::desc ChannelsLast(const ValueDesc& value, dnnl::memory::data_type type);

}  // namespace ssd
