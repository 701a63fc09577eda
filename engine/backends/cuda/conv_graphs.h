// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "backends/backend.h"
#include "backends/cuda/plan.h"

namespace ssd {

// The cuDNN graphs of a convolution: f16 channels last, filters [O][K][K][I] in f16, sums in f32,
// channels padded as CudaChannels says. The numbers of their tensors in a PlanPack:
enum ConvTensor : int64_t {
  kConvX = 1,
  kConvFilter,
  kConvBias,
  kConvResidual,
  kConvY,
  kConvDy,
  kConvDx,
  kConvDFilter,
  kConvDBias
};

// y = relu?(filter * x + bias? + residual?); bias f32; with_bias also for folded inference.
CudnnPlan ConvForward(PlanTarget& target, const ConvDesc& desc, bool with_bias);
CudnnPlan ConvDataGradient(PlanTarget& target, const ConvDesc& desc);
CudnnPlan ConvFilterGradient(PlanTarget& target, const ConvDesc& desc);  // in f16
CudnnPlan ConvBiasGradient(PlanTarget& target, const ConvDesc& desc);    // in f32

}  // namespace ssd
