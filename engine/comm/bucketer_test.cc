// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "comm/bucketer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "comm/test_ranks.h"
#include "core/error.h"

namespace ssd {
namespace {

float Value(int rank, size_t i, int step) {
  return static_cast<float>((i * 7 + static_cast<size_t>(rank + step) * 13) % 101);
}

// Values are written just before they are declared final; ranks make progress at their own pace.
TEST(Bucketer, SumsWhatIsReadyAndAllInTheEnd) {
  constexpr size_t kSize = 1000003, kChunk = 70001;
  OnRanks(3, [&](Communicator& comm) {
    std::vector<float> v(kSize);
    Bucketer bucketer(comm, v, 150000);
    for (int step = 0; step < 3; ++step) {
      size_t at = kSize;
      while (at > 0) {
        const size_t first = at - std::min(at, kChunk);
        for (size_t i = first; i < at; ++i) v[i] = Value(comm.rank(), i, step);
        at = first;
        if (at > 0 || comm.rank() == 1) bucketer.Ready(at);
      }
      bucketer.Finish();
      size_t wrong = 0;
      for (size_t i = 0; i < kSize; ++i)
        wrong += v[i] != Value(0, i, step) + Value(1, i, step) + Value(2, i, step);
      EXPECT_EQ(wrong, 0u) << "rank " << comm.rank() << ", step " << step;
    }
  });
}

// A communicator that counts.
class Counting : public Communicator {
 public:
  int rank() const override { return 0; }
  int world() const override { return 2; }
  std::string Address() override { return ""; }
  void Connect(const std::vector<std::string>&) override {}
  void Sum(std::span<float> values) override {
    sizes.push_back(values.size());
    for (float& v : values) ++v;
    if (blocking) aborted.wait(false);
    if (sizes.size() == fail_at || aborted) Throw(Status::kComm, "rank 1 has failed");
  }
  void Sum(std::span<double>) override {}
  void Broadcast(std::span<std::byte>) override {}
  std::optional<std::vector<std::string>> Gather(std::string_view) override { return {}; }
  void Exchange(int, std::span<const std::byte>, std::span<std::byte>) override {}
  void Abort() override {
    aborted = true;
    aborted.notify_all();
  }

  std::vector<size_t> sizes;
  size_t fail_at = 0;
  bool blocking = false;
  std::atomic<bool> aborted{false};
};

TEST(Bucketer, CutsFromTheEndByPositionAlone) {
  Counting comm;
  std::vector<float> v(25);
  Bucketer bucketer(comm, v, 10);
  bucketer.Ready(3);
  bucketer.Ready(24);  // old news
  bucketer.Finish();
  bucketer.Finish();
  EXPECT_EQ(comm.sizes, (std::vector<size_t>{10, 10, 5, 10, 10, 5}));
  EXPECT_EQ(v, std::vector<float>(25, 2));
}

TEST(Bucketer, FinishThrowsWhatASumThrew) {
  Counting comm;
  comm.fail_at = 2;
  std::vector<float> v(25);
  Bucketer bucketer(comm, v, 10);
  EXPECT_THROW(bucketer.Finish(), Error);
  EXPECT_THROW(bucketer.Finish(), Error);
  EXPECT_EQ(comm.sizes.size(), 2u);
}

TEST(Bucketer, EndsInTheMiddleOfAStep) {
  Counting comm;
  comm.blocking = true;
  std::vector<float> v(25);
  Bucketer bucketer(comm, v, 10);
  bucketer.Ready(5);
}

}  // namespace
}  // namespace ssd
