// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// In place of nccl.cc in an engine for CPUs.
#include "comm/nccl.h"
#include "core/error.h"

namespace ssd {

std::unique_ptr<DeviceCommunicator> OpenNccl(const CommOptions&) {
  Throw(Status::kUnavailable, "NCCL: this engine was built for CPUs only");
}

}  // namespace ssd
