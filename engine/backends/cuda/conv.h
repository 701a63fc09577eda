// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "backends/cuda/context.h"
#include "backends/cuda/plan.h"

namespace ssd {

// The convolution of ConvDesc on cuDNN, f16 with sums in f32. Plans are made at once; Status::
// kUnavailable if cuDNN has none. Filters are packed in Refresh, with a folded norm in them; in
// training context.filters has them and SgdOp keeps them. target must outlive the op; without a
// card it can only be made.
std::unique_ptr<Op> MakeCudaConv(const CudaContext& context, PlanTarget& target,
                                 const ConvDesc& desc);

}  // namespace ssd
