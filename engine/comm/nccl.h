// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "comm/communicator.h"

namespace ssd {

// Between GPUs, by NCCL, on the current device of the thread that connects. Values are device
// memory, whole when a call begins: NCCL works on a stream of its own. Calls return when all is
// done. Gather is of the host and throws. interface is NCCL's own business (NCCL_SOCKET_IFNAME).
//
// NCCL does not say which rank has failed: beside it, Gloo does. Throws Status::kUnavailable
// without the library or, in Connect, without a GPU.
std::unique_ptr<Communicator> OpenNccl(const CommOptions& options);

}  // namespace ssd
