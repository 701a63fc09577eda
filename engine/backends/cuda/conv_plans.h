// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "backends/cuda/conv_graphs.h"

namespace ssd {

// A plan, and what of ConvDesc's work for neighbours it does itself.
struct ConvPlan {
  CudnnPlan plan;
  bool normalises = false;  // reads x through scale and shift
  bool sums = false;        // statistics; in the data gradient dgamma and dbeta
  bool finishes = false;    // terms and ReLU of the data gradient
};

// The plans of a convolution that do the most that cuDNN takes; where a fused graph is refused, or
// keeps so much on the side that it moves more than it saves, the target notes what is made in its
// place. Throw Status::kUnavailable if there is none at all.
ConvPlan PlanForward(PlanTarget& target, const ConvDesc& desc);
ConvPlan PlanFilterGradient(PlanTarget& target, const ConvDesc& desc);
ConvPlan PlanDataGradient(PlanTarget& target, const ConvDesc& desc);

}  // namespace ssd
