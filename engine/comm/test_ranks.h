// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "comm/communicator.h"

namespace ssd {

// Where the ranks of a test, as threads, hand each other their addresses.
class AddressTable {
 public:
  explicit AddressTable(int world) : addresses_(static_cast<size_t>(world)) {}

  std::vector<std::string> Exchange(int rank, std::string mine) {
    std::unique_lock lock(mutex_);
    addresses_[static_cast<size_t>(rank)] = std::move(mine);
    ++arrived_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return arrived_ == addresses_.size(); });
    return addresses_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> addresses_;
  size_t arrived_ = 0;
};

// Runs f(rank) on a thread a rank. f must not throw.
inline void OnThreads(int ranks, const std::function<void(int)>& f) {
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) threads.emplace_back(f, rank);
  for (std::thread& thread : threads) thread.join();
}

// Runs f on ranks that are connected over the loopback.
inline void OnRanks(int world, const std::function<void(Communicator&)>& f) {
  AddressTable table(world);
  OnThreads(world, [&](int rank) {
    const auto comm =
        world == 1 ? OpenSolo() : OpenGloo({.rank = rank, .world = world, .interface = "lo"});
    comm->Connect(table.Exchange(rank, comm->Address()));
    f(*comm);
  });
}

}  // namespace ssd
