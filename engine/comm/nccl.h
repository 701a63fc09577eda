// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "comm/device_communicator.h"

namespace ssd {

// Between GPUs, by NCCL, on the current device of the thread that connects. Calls other than SumOn
// work on a stream of NCCL's own and return when all is done. SumOn can be captured, thread-local
// or relaxed (docs/decisions/0004-nccl-in-a-graph.md); an Abort ends it where it runs, so that
// whoever waits for its stream goes on. REQUIRES: a graph with its sums is destroyed before it, or
// its destructor does not return. Gather is of the host and throws. interface is NCCL's own
// business (NCCL_SOCKET_IFNAME).
//
// NCCL does not say which rank has failed: beside it, Gloo does. Throws Status::kUnavailable
// without the library or, in Connect, without a GPU.
std::unique_ptr<DeviceCommunicator> OpenNccl(const CommOptions& options);

}  // namespace ssd
