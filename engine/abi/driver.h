// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace ssd {

// The one thread of a handle on which all engine work runs: the device's current context and
// OpenMP's pool belong to it, whatever thread the caller is on.
class Driver {
 public:
  Driver();
  ~Driver();  // REQUIRES: no Call is running
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  // Runs f on the thread and waits; its exception is rethrown here. One call at a time.
  void Call(const std::function<void()>& f);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<void()>* task_ = nullptr;
  std::exception_ptr failure_;
  bool done_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ssd
