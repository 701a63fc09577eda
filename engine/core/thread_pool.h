// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace ssd {

// threads, or for 0 as many as processors that this process may run on.
int ThreadsOrAll(int threads);

// A fixed set of threads with one queue. Thread-safe. The first exception of a ParallelFor is
// rethrown to its caller; the other calls of it still run.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool();  // finishes what is queued
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return static_cast<int>(threads_.size()); }
  void Submit(std::function<void()> task);  // the task must not throw
  // Calls body(i) for i in 0 .. n-1 on the pool and the caller's thread; returns when all are done.
  void ParallelFor(int64_t n, const std::function<void(int64_t)>& body);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace ssd
