// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "core/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

namespace ssd {
namespace {

TEST(ThreadPool, ParallelForCallsEachIndexOnce) {
  for (const int threads : {0, 1, 4}) {
    ThreadPool pool(threads);
    std::vector<std::atomic<int>> calls(1000);
    pool.ParallelFor(1000, [&](int64_t i) { ++calls[static_cast<size_t>(i)]; });
    for (const auto& c : calls) EXPECT_EQ(c.load(), 1);
  }
}

TEST(ThreadPool, FirstFailureReachesTheCallerAndTheRestRuns) {
  ThreadPool pool(2);
  std::atomic<int> calls{0};
  EXPECT_THROW(pool.ParallelFor(100,
                                [&](int64_t i) {
                                  ++calls;
                                  if (i == 3) throw std::runtime_error("three");
                                }),
               std::runtime_error);
  EXPECT_EQ(calls.load(), 100);
}

TEST(ThreadPool, NestedLoopsDoNotDeadlock) {
  ThreadPool pool(1);
  std::atomic<int> calls{0};
  pool.ParallelFor(4, [&](int64_t) { pool.ParallelFor(4, [&](int64_t) { ++calls; }); });
  EXPECT_EQ(calls.load(), 16);
}

TEST(ThreadPool, DestructorFinishesTheQueue) {
  std::atomic<int> calls{0};
  {
    ThreadPool pool(2);
    for (int i = 0; i < 100; ++i) pool.Submit([&] { ++calls; });
  }
  EXPECT_EQ(calls.load(), 100);
}

}  // namespace
}  // namespace ssd
