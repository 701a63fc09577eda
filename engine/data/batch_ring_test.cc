// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/batch_ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/error.h"
#include "data/test_files.h"

namespace ssd {
namespace {

class TestFiller : public BatchRing::Filler {
 public:
  std::function<void(int64_t)> open = [](int64_t) {};
  std::function<void(int64_t, int64_t)> fill = [](int64_t, int64_t) {};

 private:
  void Open(int64_t batch) override { open(batch); }
  void Fill(int, int64_t batch, int64_t item) override { fill(batch, item); }
};

TEST(BatchRing, FillsEveryItemOnceAndStaysWithinItsSlots) {
  for (const int threads : {1, 3}) {
    TestFiller filler;
    std::mutex mutex;
    std::map<std::pair<int64_t, int64_t>, int> filled;
    std::atomic<int64_t> taken = 0;
    filler.open = [&](int64_t batch) { EXPECT_LE(batch, taken + 2); };
    filler.fill = [&](int64_t batch, int64_t item) {
      std::lock_guard lock(mutex);
      ++filled[{batch, item}];
    };
    BatchRing ring(filler, {.threads = threads, .prefetch = 2, .items = 5, .batches = 7});
    for (int64_t batch = 0; batch < 7; ++batch) {
      taken = batch;  // Next gives back what was taken before
      ASSERT_EQ(ring.Next(), batch);
      std::lock_guard lock(mutex);
      for (int64_t item = 0; item < 5; ++item) EXPECT_EQ((filled[{batch, item}]), 1);
    }
    EXPECT_EQ(ring.Next(), -1);
    EXPECT_EQ(ring.Next(), -1);
    EXPECT_EQ(filled.size(), 35u);
  }
}

TEST(BatchRing, ErrorsComeWithTheirBatch) {
  TestFiller filler;
  filler.fill = [](int64_t batch, int64_t item) {
    if (batch == 1 && item >= 2) Throw(Status::kData, "item %d", static_cast<int>(item));
  };
  BatchRing ring(filler, {.threads = 4, .prefetch = 3, .items = 6, .batches = 3});
  EXPECT_EQ(ring.Next(), 0);
  EXPECT_EQ(ErrorOf(Status::kData, [&] { ring.Next(); }), "item 2");  // the lowest one
  EXPECT_EQ(ring.Next(), 2);
  EXPECT_EQ(ring.Next(), -1);
}

TEST(BatchRing, AFailedOpenEndsTheStream) {
  TestFiller filler;
  filler.open = [](int64_t batch) {
    if (batch == 2) Throw(Status::kData, "no more");
  };
  BatchRing ring(filler, {.threads = 2, .prefetch = 4, .items = 3});
  EXPECT_EQ(ring.Next(), 0);
  EXPECT_EQ(ring.Next(), 1);
  EXPECT_EQ(ErrorOf(Status::kData, [&] { ring.Next(); }), "no more");
  EXPECT_EQ(ErrorOf(Status::kData, [&] { ring.Next(); }), "no more");
}

// A gate that holds the workers inside Fill until it is opened.
class Gate {
 public:
  void Pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
  }
  void AwaitOne() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ > 0; });
  }
  void Open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool open_ = false;
};

TEST(BatchRing, AbortWakesTheConsumer) {
  TestFiller filler;
  Gate gate;
  filler.fill = [&](int64_t, int64_t) { gate.Pass(); };
  BatchRing ring(filler, {.threads = 2, .prefetch = 1, .items = 4});
  std::optional<Status> status;
  std::thread consumer([&] {
    try {
      ring.Next();
    } catch (const Error& e) {
      status = e.status();
    }
  });
  gate.AwaitOne();  // no batch can become ready
  ring.Abort();
  consumer.join();
  EXPECT_EQ(status, Status::kAborted);
  gate.Open();
  ErrorOf(Status::kAborted, [&] { ring.Next(); });
}

TEST(BatchRing, EndsInAnyState) {
  TestFiller filler;
  Gate gate;
  gate.Open();
  filler.fill = [&](int64_t, int64_t) { gate.Pass(); };
  for (int taken = 0; taken < 4; ++taken) {
    BatchRing ring(filler, {.threads = 3, .prefetch = 1, .items = 2});
    for (int i = 0; i < taken; ++i) EXPECT_EQ(ring.Next(), i);
  }
  // With a worker inside Fill: the destructor waits for it.
  Gate closed;
  filler.fill = [&](int64_t, int64_t) { closed.Pass(); };
  auto ring = std::make_unique<BatchRing>(filler, BatchRing::Options{.threads = 1});
  closed.AwaitOne();
  std::thread destroyer([&] { ring.reset(); });
  closed.Open();
  destroyer.join();
  EXPECT_EQ(ring, nullptr);
}

}  // namespace
}  // namespace ssd
