// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "backends/cuda/context.h"

namespace ssd {

// The loss of spec section 5 in f32 over head maps of CudaHeadChannels channels, gradients in f16;
// every address of MultiboxArgs is the device's. Positives and negatives are picked exactly, ties
// by lower index; the result does not depend on the order of threads. A label outside 0..80 makes
// the loss NaN.
std::unique_ptr<MultiboxOp> MakeCudaMultibox(const CudaContext& context, const MultiboxDesc& desc);

}  // namespace ssd
