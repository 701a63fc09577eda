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
  kConvDBias,
  // Of the BatchNorm that the convolution normalises with, by channel: y = scale x + shift in f16;
  // the rest f32.
  kConvScale,
  kConvShift,
  kConvMean,
  kConvInverseStd,
  kConvGamma,
  kConvBeta,
  kConvDGamma,
  kConvDBeta,
  kConvFactors,  // three of them, which cuDNN writes for the gradient of the norm's input
  kConvSum = kConvFactors + 3,  // of y, and of its squares: f32
  kConvSquares,
  kConvTerm  // and the numbers behind it: terms of dx
};

// Each does of ConvDesc what belongs to it: y = relu?(filter * x + bias? + residual?), bias f32,
// with_bias also for folded inference; `normalise` of x, in ConvFilterGradient too; `statistics` of
// y.
CudnnPlan ConvForward(PlanTarget& target, const ConvDesc& desc, bool with_bias);
CudnnPlan ConvFilterGradient(PlanTarget& target, const ConvDesc& desc);  // in f16
CudnnPlan ConvBiasGradient(PlanTarget& target, const ConvDesc& desc);    // in f32
// dx with its terms and before the ReLU: of x (dx_relu) or of scale x + shift (normalise).
// with_sums, with normalise: dgamma and dbeta, too.
CudnnPlan ConvDataGradient(PlanTarget& target, const ConvDesc& desc, bool with_sums);

}  // namespace ssd
