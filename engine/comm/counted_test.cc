// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "comm/counted.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "comm/test_ranks.h"
#include "core/error.h"

namespace ssd {
namespace {

TEST(Counted, CountsEveryCollective) {
  CollectiveCount count;
  const auto comm = Counted(OpenSolo(), count);
  comm->Connect({comm->Address()});
  EXPECT_EQ(count.begun, 0);
  float f = 1;
  double d = 2;
  const auto expect = [&](int begun, const char* last) {
    EXPECT_EQ(count.begun, begun);
    EXPECT_EQ(count.under_way, 0);
    EXPECT_STREQ(count.last, last);
  };
  comm->Sum(std::span(&f, 1));
  expect(1, "all-reduce");
  comm->Sum(std::span(&d, 1));
  expect(2, "all-reduce");
  comm->Broadcast(std::as_writable_bytes(std::span(&f, 1)));
  expect(3, "broadcast");
  EXPECT_EQ(comm->Gather("a"), std::vector<std::string>{"a"});
  expect(4, "gather");
  float theirs = 0;
  comm->Exchange(0, std::as_bytes(std::span(&f, 1)), std::as_writable_bytes(std::span(&theirs, 1)));
  expect(5, "exchange");
  EXPECT_EQ(theirs, 1);
}

// Who waits has begun one more than who has not come.
TEST(Counted, TellsWhoIsMissing) {
  std::array<CollectiveCount, 2> counts;
  AddressTable table(2);
  OnThreads(2, [&](int rank) {
    auto& count = counts[static_cast<size_t>(rank)];
    const auto comm = Counted(OpenGloo({.rank = rank, .world = 2, .interface = "lo"}), count);
    comm->Connect(table.Exchange(rank, comm->Address()));
    double value = rank;
    comm->Sum(std::span(&value, 1));
    if (rank == 1) {
      while (counts[0].begun < 2) std::this_thread::yield();
      EXPECT_EQ(counts[0].under_way, 1);
      EXPECT_EQ(count.begun, 1);
      EXPECT_EQ(count.under_way, 0);
    }
    comm->Sum(std::span(&value, 1));
    EXPECT_EQ(value, 2);
    EXPECT_EQ(count.begun, 2);
    EXPECT_EQ(count.under_way, 0);
  });
}

TEST(Counted, StaysUnderWayAfterAFailure) {
  CollectiveCount count;
  const auto comm = Counted(OpenSolo(), count);
  comm->Abort();
  double value = 0;
  EXPECT_THROW(comm->Sum(std::span(&value, 1)), Error);
  EXPECT_EQ(count.begun, 1);
  EXPECT_EQ(count.under_way, 1);
}

}  // namespace
}  // namespace ssd
