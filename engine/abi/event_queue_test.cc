// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "abi/event_queue.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "abi/driver.h"
#include "abi/guard.h"

namespace ssd {
namespace {

TEST(EventQueue, KeepsOrderAndFields) {
  EventQueue queue(10);
  queue.Emit(kEventStep, kInfo, 7, 1.5, "a");
  queue.Emit(kEventLog, kWarning, 8, 0, "b");
  ssd_event events[4];
  ASSERT_EQ(queue.Poll(events, 4, 0), 2u);
  EXPECT_EQ(events[0].kind, static_cast<uint32_t>(SSD_EVENT_STEP));
  EXPECT_EQ(events[0].step, 7);
  EXPECT_EQ(events[0].value, 1.5);
  EXPECT_STREQ(events[1].text, "b");
  EXPECT_EQ(events[1].level, static_cast<uint32_t>(kWarning));
  EXPECT_LE(events[0].unix_ns, events[1].unix_ns);
  EXPECT_EQ(queue.Poll(events, 4, 0), 0u);
}

TEST(EventQueue, FullRingDropsOnlyWhatMayGo) {
  EventQueue queue(2);
  for (int i = 0; i < 5; ++i) queue.Emit(kEventLog, kInfo, i, 0, "");
  queue.Emit(kEventEvalEnd, kInfo, 5, 0.25, "");
  queue.Emit(kEventTensorInit, kInfo, 6, 0, "w");
  ssd_event events[8];
  ASSERT_EQ(queue.Poll(events, 8, 0), 5u);
  EXPECT_EQ(events[0].kind, static_cast<uint32_t>(SSD_EVENT_DROPPED));
  EXPECT_EQ(events[0].value, 3);
  EXPECT_EQ(events[2].step, 1);
  EXPECT_EQ(events[3].kind, static_cast<uint32_t>(SSD_EVENT_EVAL_END));
  EXPECT_STREQ(events[4].text, "w");
}

TEST(EventQueue, PollWakesUp) {
  EventQueue queue(2);
  std::thread sender([&] { queue.Emit(kEventStep, kInfo, 1, 0, ""); });
  ssd_event event;
  EXPECT_EQ(queue.Poll(&event, 1, -1), 1u);
  sender.join();
}

TEST(CopyText, CutsAtACharacter) {
  char out[5];
  CopyText("abc\xc3\xa4", out, sizeof out);  // "abcä" needs 5 bytes and the NUL
  EXPECT_STREQ(out, "abc");
  CopyText("ab\xc3\xa4", out, sizeof out);
  EXPECT_STREQ(out, "ab\xc3\xa4");
  CopyText("", out, sizeof out);
  EXPECT_STREQ(out, "");
}

TEST(Driver, RunsOnOneThreadAndRethrows) {
  Driver driver;
  std::thread::id first, second;
  driver.Call([&] { first = std::this_thread::get_id(); });
  driver.Call([&] { second = std::this_thread::get_id(); });
  EXPECT_EQ(first, second);
  EXPECT_NE(first, std::this_thread::get_id());
  EXPECT_THROW(driver.Call([] { Throw(Status::kData, "x"); }), Error);
  driver.Call([] {});  // goes on after a failure
}

TEST(Driver, RefusesOverlap) {
  Driver driver;
  driver.Call([&] { EXPECT_THROW(driver.Call([] {}), Error); });
}

TEST(Guard, TurnsExceptionsIntoStatuses) {
  ssd_error error{};
  EXPECT_EQ(Guard(&error, [] {}), SSD_OK);
  EXPECT_EQ(Guard(&error, [] { Throw(Status::kComm, "rank %d", 3); }), SSD_COMM);
  EXPECT_STREQ(error.message, "rank 3");
  EXPECT_EQ(Guard(&error, [] { throw std::bad_alloc(); }), SSD_UNAVAILABLE);
  EXPECT_EQ(Guard(&error, [] { throw std::runtime_error("x"); }), SSD_INTERNAL);
  EXPECT_EQ(Guard(nullptr, [] { throw 1; }), SSD_INTERNAL);
  const std::string longer(1000, 'x');
  Guard(&error, [&] { throw Error(Status::kData, longer); });
  EXPECT_EQ(std::string(error.message).size(), sizeof error.message - 1);
}

}  // namespace
}  // namespace ssd
