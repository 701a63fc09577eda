// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "backends/backend.h"

namespace ssd {

// The loss of spec section 5 in f32 over head maps of CpuHeadChannels channels. Positives and
// negatives are picked exactly, ties by lower index. The gradient is f32 or bf16 by precision
// (Status::kUnavailable for others); all of gradient[k] is written. The result does not depend on
// the number of OpenMP threads. Run throws Status::kInvalid for a label outside 0..80.
std::unique_ptr<MultiboxOp> MakeCpuMultibox(const MultiboxDesc& desc, Precision precision);

}  // namespace ssd
