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

}  // namespace ssd
