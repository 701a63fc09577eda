// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// The duties of every communicator, over worlds of several sizes: ranks are threads.
#include "comm/communicator.h"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <cstring>

#include "comm/test_ranks.h"
#include "core/error.h"
#include "testing/error_of.h"

namespace ssd {
namespace {

class World : public ::testing::TestWithParam<int> {};

// Values whose sums are exact.
float Value(int rank, size_t i) {
  return static_cast<float>(static_cast<int>((i * 7 + static_cast<size_t>(rank) * 13) % 101) - 50);
}

// Below and above what goes around the ring, odd sizes, more than one segment.
TEST_P(World, SumsOnAllRanks) {
  const int world = GetParam();
  for (const size_t n : {size_t{1}, size_t{1000}, size_t{70001}, size_t{3000017}}) {
    OnRanks(world, [&](Communicator& comm) {
      std::vector<float> v(n), want(n);
      for (size_t i = 0; i < n; ++i) {
        v[i] = Value(comm.rank(), i);
        for (int r = 0; r < world; ++r) want[i] += Value(r, i);
      }
      std::vector<double> d(v.begin(), v.end()), want_d(want.begin(), want.end());
      comm.Sum(std::span(v));
      comm.Sum(std::span(d));
      EXPECT_EQ(v, want) << "rank " << comm.rank() << " of " << world << ", " << n;
      EXPECT_EQ(d, want_d) << "rank " << comm.rank() << " of " << world << ", " << n;
    });
  }
}

// Of values whose sum depends on the order.
TEST_P(World, SumHasTheSameBytesEverywhereAndAgain) {
  const int world = GetParam();
  for (const size_t n : {size_t{500}, size_t{200003}}) {
    std::vector<std::vector<float>> results(static_cast<size_t>(2 * world), std::vector<float>(n));
    for (int run = 0; run < 2; ++run)
      OnRanks(world, [&](Communicator& comm) {
        auto& v = results[static_cast<size_t>(run * world + comm.rank())];
        for (size_t i = 0; i < n; ++i)
          v[i] = 1 / (Value(comm.rank(), i) + 60.5f + static_cast<float>(i % 1000));
        comm.Sum(std::span(v));
      });
    for (const auto& result : results)
      EXPECT_EQ(0, std::memcmp(result.data(), results[0].data(), n * sizeof(float)));
  }
}

TEST_P(World, BroadcastsTheFirstRanksBytes) {
  OnRanks(GetParam(), [&](Communicator& comm) {
    for (const size_t n : {size_t{0}, size_t{3}, size_t{2000003}}) {
      std::vector<std::byte> v(n, std::byte(comm.rank() + 7));
      comm.Broadcast(v);
      EXPECT_EQ(v, std::vector<std::byte>(n, std::byte{7})) << "rank " << comm.rank();
    }
  });
}

TEST_P(World, GathersBytesOfAnySizeOnTheFirstRank) {
  const auto text = [](int rank) {
    return std::string(static_cast<size_t>(rank) * 400000, static_cast<char>('a' + rank));
  };
  OnRanks(GetParam(), [&](Communicator& comm) {
    const auto all = comm.Gather(text(comm.rank()));
    ASSERT_EQ(all.has_value(), comm.rank() == 0);
    if (!all) return;
    ASSERT_EQ(static_cast<int>(all->size()), comm.world());
    for (int r = 0; r < comm.world(); ++r)
      EXPECT_TRUE((*all)[static_cast<size_t>(r)] == text(r)) << "of rank " << r;
  });
}

// In pairs from below, whose last rank may be alone.
TEST_P(World, ExchangesWithAPeer) {
  OnRanks(GetParam(), [&](Communicator& comm) {
    const int beside = comm.rank() ^ 1, peer = beside < comm.world() ? beside : comm.rank();
    for (const size_t n : {size_t{1}, size_t{2000003}}) {
      const std::vector<std::byte> mine(n, std::byte(comm.rank() + 1));
      std::vector<std::byte> theirs(n);
      comm.Exchange(peer, mine, theirs);
      EXPECT_EQ(theirs, std::vector<std::byte>(n, std::byte(peer + 1))) << "rank " << comm.rank();
    }
  });
}

TEST_P(World, AbortFreesWhoIsBlockedAndEndsEverything) {
  std::atomic<bool> aborted{false};
  OnRanks(GetParam(), [&](Communicator& comm) {
    float value = 1;
    const auto sum = [&] { comm.Sum(std::span(&value, 1)); };
    std::thread aborter;
    if (comm.rank() == 0)
      aborter = std::thread([&] { comm.Abort(); });
    else
      while (!aborted) std::this_thread::yield();
    try {
      for (;;) sum();  // more than once only without peers
    } catch (const Error& e) {
      EXPECT_EQ(e.status(), comm.rank() == 0 ? Status::kAborted : Status::kComm) << e.what();
    }
    EXPECT_THROW(sum(), Error);
    if (comm.rank() == 0) {
      aborter.join();
      aborted = true;
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, World, ::testing::Values(1, 2, 3, 4, 8));

// Every rank names the one that went, also those that waited for another: in a ring of 6, ranks 2
// and 4 are the neighbours of rank 3.
TEST(Gloo, NamesTheRankThatDied) {
  for (const size_t n : {size_t{10}, size_t{100000}}) {
    AddressTable table(6);
    std::barrier survivors(5);
    OnThreads(6, [&](int rank) {
      auto comm = OpenGloo({.rank = rank, .world = 6, .interface = "lo"});
      comm->Connect(table.Exchange(rank, comm->Address()));
      std::vector<float> v(n, 1);
      comm->Sum(std::span(v));
      if (rank == 3) return;
      const std::string error = ErrorOf(Status::kComm, [&] { comm->Sum(std::span(v)); });
      EXPECT_NE(error.find("rank 3 of 6 has failed"), std::string::npos)
          << "rank " << rank << ": " << error;
      survivors.arrive_and_wait();  // as a process that takes its time to end
    });
  }
}

TEST(Gloo, ASilentPeerIsAnErrorAfterTheTimeout) {
  AddressTable table(2);
  std::atomic<bool> done{false};
  OnThreads(2, [&](int rank) {
    auto comm = OpenGloo({.rank = rank,
                          .world = 2,
                          .interface = "lo",
                          .timeout = std::chrono::milliseconds(rank == 0 ? 1000 : 60000)});
    comm->Connect(table.Exchange(rank, comm->Address()));
    if (rank == 1) {
      while (!done) std::this_thread::yield();
      return;
    }
    float value = 1;
    const std::string error = ErrorOf(Status::kComm, [&] { comm->Sum(std::span(&value, 1)); });
    EXPECT_NE(error.find("said nothing for 1 s"), std::string::npos) << error;
    done = true;
  });
}

// The other rank never comes.
TEST(Gloo, AbortFreesConnect) {
  for (const bool second : {false, true}) {
    const auto a = OpenGloo({.rank = 0, .world = 2, .interface = "lo"});
    const auto b = OpenGloo({.rank = 1, .world = 2, .interface = "lo"});
    Communicator* comm = second ? b.get() : a.get();
    std::thread aborter([&] { comm->Abort(); });
    ErrorOf(Status::kAborted, [&] { comm->Connect({a->Address(), b->Address()}); });
    aborter.join();
  }
}

TEST(Gloo, RefusesAddressesOfAnotherWorld) {
  const auto comm = OpenGloo({.rank = 0, .world = 3, .interface = "lo"});
  const auto other = OpenGloo({.rank = 1, .world = 2, .interface = "lo"});
  const auto message = [&](const std::vector<std::string>& addresses) {
    return ErrorOf(Status::kInvalid, [&] { comm->Connect(addresses); });
  };
  EXPECT_NE(message({comm->Address(), ""}).find("2 addresses for 3 ranks"), std::string::npos);
  EXPECT_NE(message({comm->Address(), other->Address(), ""}).find("rank 1"), std::string::npos);
  EXPECT_THROW(OpenGloo({.rank = 2, .world = 2}), Error);
}

}  // namespace
}  // namespace ssd
