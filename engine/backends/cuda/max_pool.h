// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "backends/cuda/context.h"

namespace ssd {

// Max-pool of MaxPoolDesc on f16, channels last; square windows of up to 15 x 15, channels a
// multiple of 8 (Status::kInvalid otherwise). Saves the winner of each window, one byte an output;
// Backward reads neither x nor y, and adds in an order that does not change.
std::unique_ptr<Op> MakeCudaMaxPool(const CudaContext& context, const MaxPoolDesc& desc);

}  // namespace ssd
