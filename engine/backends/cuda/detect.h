// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "backends/cuda/context.h"

namespace ssd {

// Detections of spec section 8 from head maps of CudaHeadChannels channels. Equal scores keep the
// order class, then default box. Non-finite scores give no detection. Run only enqueues: out and
// count are whole after Synchronize. Up to 1024 candidates (Status::kInvalid otherwise).
std::unique_ptr<DetectOp> MakeCudaDetect(const CudaContext& context, const DetectDesc& desc);

}  // namespace ssd
