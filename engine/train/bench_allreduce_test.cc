// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// Ranks are threads.
#include "train/bench_allreduce.h"

#include <gtest/gtest.h>

#include <set>

#include "comm/test_ranks.h"
#include "testing/error_of.h"

namespace ssd {
namespace {

Allreduce RequestOf(int64_t bytes, int64_t iterations, int64_t warmup) {
  Allreduce request;
  request.set_bytes(bytes);
  request.set_iterations(iterations);
  request.set_warmup(warmup);
  return request;
}

const std::atomic<bool> kRuns{false};

class Allreduces : public ::testing::TestWithParam<int> {};

TEST_P(Allreduces, TimeWhatEachRankDoes) {
  OnRanks(GetParam(), [](Communicator& comm) {
    const int rank = comm.rank(), world = comm.world();
    for (const int64_t bytes : {int64_t{4}, int64_t{39424}, int64_t{4003304}}) {
      const auto times = BenchAllreduce(RequestOf(bytes, 3, 1), comm, kRuns).allreduce();
      EXPECT_EQ(times.wrong_values(), 0) << bytes;
      EXPECT_DOUBLE_EQ(times.bus_bandwidth() * times.sum().median(),
                       static_cast<double>(bytes) * 2 * (world - 1) / world);
      std::set<int> peers, want;
      for (const auto& link : times.links()) {
        peers.insert(link.peer());
        EXPECT_GT(link.exchange().min(), 0);
        EXPECT_LE(link.exchange().min(), link.exchange().median());
        EXPECT_LE(link.exchange().median(), link.exchange().max());
      }
      if (world > 1) want = {(rank + 1) % world, (rank + world - 1) % world};
      EXPECT_EQ(peers, want) << "rank " << rank << " of " << world;
      EXPECT_EQ(peers.size(), static_cast<size_t>(times.links_size()));
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, Allreduces, ::testing::Values(1, 2, 3, 4, 5));

// Passes on to another communicator, with one value of one sum wrong.
class Wrong : public Communicator {
 public:
  explicit Wrong(Communicator& comm) : comm_(comm) {}
  int rank() const override { return comm_.rank(); }
  int world() const override { return comm_.world(); }
  std::string Address() override { return comm_.Address(); }
  void Connect(const std::vector<std::string>& a) override { comm_.Connect(a); }
  void Sum(std::span<float> values) override {
    comm_.Sum(values);
    if (++sums_ == 3) ++values[7];
  }
  void Sum(std::span<double> values) override { comm_.Sum(values); }
  void Broadcast(std::span<std::byte> values) override { comm_.Broadcast(values); }
  std::optional<std::vector<std::string>> Gather(std::string_view mine) override {
    return comm_.Gather(mine);
  }
  void Exchange(int peer, std::span<const std::byte> mine, std::span<std::byte> theirs) override {
    comm_.Exchange(peer, mine, theirs);
  }
  void Abort() override { comm_.Abort(); }

 private:
  Communicator& comm_;
  int sums_ = 0;
};

TEST(Allreduce, CountsWrongValues) {
  for (const int64_t iterations : {1, 2, 5})
    OnRanks(2, [&](Communicator& comm) {
      Wrong wrong(comm);
      const auto report =
          BenchAllreduce(RequestOf(400, iterations, 1), comm.rank() == 1 ? wrong : comm, kRuns);
      EXPECT_EQ(report.allreduce().wrong_values(), comm.rank() == 1 && iterations > 1 ? 1 : 0);
    });
}

std::string Refusal(Status status, const Allreduce& request, bool stopped = false) {
  const auto solo = OpenSolo();
  return ErrorOf(status, [&] { BenchAllreduce(request, *solo, std::atomic<bool>(stopped)); });
}

TEST(Allreduce, RefusesWhatIsNoSize) {
  const auto refused = [](int64_t bytes, int64_t iterations, int64_t warmup) {
    return Refusal(Status::kInvalid, RequestOf(bytes, iterations, warmup));
  };
  EXPECT_EQ(refused(0, 1, 0), "bench: allreduce: bytes is 0, must be 4 to 4294967296");
  EXPECT_EQ(refused(6, 1, 0), "bench: allreduce: bytes is 6, must be a multiple of 4");
  EXPECT_EQ(refused(4, 0, 0), "bench: allreduce: iterations is 0, must be 1 to 1000000");
  EXPECT_EQ(refused(4, 1, -1), "bench: allreduce: warmup is -1, must be 0 to 1000000");
  EXPECT_EQ(Refusal(Status::kAborted, RequestOf(4, 1, 0), true), "the benchmark was stopped");
}

}  // namespace
}  // namespace ssd
