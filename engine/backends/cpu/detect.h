// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "backends/backend.h"

namespace ssd {

// Detections of spec section 8 from head maps of CpuHeadChannels channels. Equal scores keep the
// order class, then default box. Non-finite scores give no detection. Images run in parallel
// (OpenMP); the result does not depend on the number of threads.
std::unique_ptr<DetectOp> MakeCpuDetect(const DetectDesc& desc);

}  // namespace ssd
