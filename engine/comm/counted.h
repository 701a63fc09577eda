// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "comm/communicator.h"

namespace ssd {

// How far a rank has come in its collectives, of all its communicators. As all ranks make the same
// ones in the same order, those that have begun the fewest are who the others wait for. Any thread
// may read.
struct CollectiveCount {
  std::atomic<int64_t> begun{0};
  std::atomic<int64_t> under_way{0};
  std::atomic<const char*> last{""};  // begun: "all-reduce", "broadcast", "gather", "exchange"
};

// The same communicator, with its collectives counted. Connect is none. count must outlive it.
std::unique_ptr<Communicator> Counted(std::unique_ptr<Communicator> comm, CollectiveCount& count);

}  // namespace ssd
