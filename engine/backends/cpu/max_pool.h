// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "backends/backend.h"
#include "backends/cpu/context.h"

namespace ssd {

// Max-pool of MaxPoolDesc, square windows of up to 15 x 15, channels a multiple of 16
// (Status::kInvalid otherwise). Saves the winner of each window, one byte an output; Backward reads
// neither x nor y.
std::unique_ptr<Op> MakeCpuMaxPool(const CpuContext& context, const MaxPoolDesc& desc);

}  // namespace ssd
