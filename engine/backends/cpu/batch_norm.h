// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "backends/cpu/context.h"

namespace ssd {

std::unique_ptr<Op> MakeCpuBatchNorm(const CpuContext& context, const BatchNormDesc& desc);

}  // namespace ssd
