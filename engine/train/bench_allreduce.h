// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "comm/communicator.h"
#include "engine.pb.h"

namespace ssd {

// Times sums over all ranks and checks their values (spec section 16, point 4). Ranks leave a sum
// together, however slow one of them was, so two things more are timed that tell who it is: each
// rank's own additions, and swaps with each of its neighbours in the ring (rank - 1 and rank + 1)
// while the ring's other links of the same neighbours rest.
//
// All ranks call it with the same request. Throws Status::kInvalid for sizes that are none,
// Status::kAborted soon after aborted is set.
BenchReport BenchAllreduce(const Allreduce& request, Communicator& ranks,
                           const std::atomic<bool>& aborted);

}  // namespace ssd
