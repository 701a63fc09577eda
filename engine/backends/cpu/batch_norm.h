// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "backends/backend.h"
#include "backends/cpu/context.h"

namespace ssd {

// BatchNorm of BatchNormDesc in f32 over stored f32 or bf16. Channels are a multiple of 16
// (Status::kInvalid otherwise). Statistics are summed around a sampled mean of each channel, so a
// mean far from zero costs no digits. Saves mean, 1 / std and one bit of ReLU an element.
// Backward reads x and never y.
std::unique_ptr<Op> MakeCpuBatchNorm(const CpuContext& context, const BatchNormDesc& desc);

}  // namespace ssd
