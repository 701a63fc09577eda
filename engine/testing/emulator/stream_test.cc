// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "testing/emulator/stream.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "core/error.h"

namespace ssd::emulator {
namespace {

class EmulatedStreams : public ::testing::TestWithParam<bool> {
 protected:
  EmulatedStreams() { PreferNewest(GetParam()); }
  ~EmulatedStreams() override {
    CloseStream(side_);
    CloseStream(main_);
    PreferNewest(false);
  }
  void Put(Stream* stream, const char* text) {
    Enqueue(stream, [this, text] { done_ += text; });
  }
  // a, then b beside c, then d.
  void ForkAndJoin(bool fork, bool join) {
    Put(main_, "a");
    if (fork) RecordEvent(&forked_, main_);
    if (fork) AwaitEvent(side_, &forked_);
    Put(side_, "b");
    Put(main_, "c");
    if (join) RecordEvent(&joined_, side_);
    if (join) AwaitEvent(main_, &joined_);
    Put(main_, "d");
  }

  Stream *main_ = OpenStream(), *side_ = OpenStream();
  Event forked_, joined_;
  std::string done_;
};

TEST_P(EmulatedStreams, WorkWaitsUntilSomebodyDoes) {
  ForkAndJoin(true, true);
  EXPECT_EQ(done_, "");
  EXPECT_FALSE(Idle(main_));
  Finish(main_);
  EXPECT_TRUE(Idle(main_));
  EXPECT_EQ(done_, GetParam() ? "abcd" : "acbd");
}

TEST_P(EmulatedStreams, AMissingWaitShows) {
  ForkAndJoin(!GetParam(), GetParam());
  Finish(main_);
  EXPECT_EQ(done_, GetParam() ? "bacd" : "acd");
}

TEST_P(EmulatedStreams, AGraphRepeatsWhatWasCaptured) {
  BeginCapture(main_);
  ForkAndJoin(true, true);
  std::shared_ptr<const Graph> graph;
  ASSERT_EQ(EndCapture(main_, &graph), kDone);
  Finish(main_);
  EXPECT_EQ(done_, "");
  const std::string once = GetParam() ? "abcd" : "acbd";
  for (int run = 0; run < 2; ++run) Launch(graph, main_);
  Finish(main_);
  EXPECT_EQ(done_, once + once);
}

TEST_P(EmulatedStreams, ACaptureMustJoin) {
  BeginCapture(main_);
  ForkAndJoin(true, false);
  std::shared_ptr<const Graph> graph;
  EXPECT_EQ(EndCapture(main_, &graph), kCaptureUnjoined);
}

TEST_P(EmulatedStreams, AJoinMustBeBehindAllWork) {
  BeginCapture(main_);
  RecordEvent(&forked_, main_);
  AwaitEvent(side_, &forked_);
  Put(side_, "a");
  RecordEvent(&joined_, side_);
  Put(side_, "b");
  AwaitEvent(main_, &joined_);
  std::shared_ptr<const Graph> graph;
  EXPECT_EQ(EndCapture(main_, &graph), kCaptureUnjoined);
}

TEST_P(EmulatedStreams, ACaptureEndsWhereItBegan) {
  BeginCapture(main_);
  ForkAndJoin(true, true);
  std::shared_ptr<const Graph> graph;
  EXPECT_EQ(EndCapture(side_, &graph), kCaptureUnmatched);
  EXPECT_EQ(EndCapture(main_, &graph), kDone);
  EXPECT_EQ(EndCapture(main_, &graph), kCaptureUnmatched);
}

TEST_P(EmulatedStreams, AWaitWithoutEndIsFound) {
  joined_.recorded = INT64_MAX;
  AwaitEvent(main_, &joined_);
  EXPECT_THROW(Finish(main_), Error);
  main_->items.clear();
}

INSTANTIATE_TEST_SUITE_P(Emulator, EmulatedStreams, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "newest" : "oldest"; });

}  // namespace
}  // namespace ssd::emulator
