// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <exception>
#include <mutex>
#include <span>
#include <thread>

#include "comm/communicator.h"

namespace ssd {

// Sums an array over the ranks while it is still being made, from its end to its start: gradients
// in backward order. Buckets are cut by position alone and summed one after another on a thread of
// the bucketer's own, so that a run has the same bytes again.
//
// Once a step: Ready as often as there is news, then Finish. Between the first Ready and the end of
// Finish nobody else may use the communicator.
class Bucketer {
 public:
  static constexpr size_t kBucket = 1 << 20;  // values

  // Both must outlive the bucketer.
  Bucketer(Communicator& comm, std::span<float> values, size_t bucket = kBucket);
  ~Bucketer();  // aborts the communicator if a sum is under way
  Bucketer(const Bucketer&) = delete;
  Bucketer& operator=(const Bucketer&) = delete;

  // values[first] and all behind it are final. Returns at once.
  void Ready(size_t first);
  // All values are final: returns when all are summed. Throws what a sum threw.
  void Finish();

 private:
  void Run();

  Communicator& comm_;
  const std::span<float> values_;
  const size_t bucket_;

  std::mutex mutex_;
  std::condition_variable changed_;
  size_t ready_;   // first final value
  size_t summed_;  // first value that is summed
  bool summing_ = false;
  bool stopping_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace ssd
