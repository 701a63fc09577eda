// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "backends/cuda/context.h"

namespace ssd {

// BatchNormDesc on f16, channels last: a multiple of 8 channels up to 2048 (Status::kInvalid
// otherwise). Sums in f32 by thread and f64 beyond, in an order that does not change. Saves mean,
// 1 / std and, with a ReLU, a bit an element; Backward reads x and not y. Parameters and statistics
// are 16-byte aligned.
std::unique_ptr<Op> MakeCudaBatchNorm(const CudaContext& context, const BatchNormDesc& desc);

}  // namespace ssd
