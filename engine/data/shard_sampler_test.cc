// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/shard_sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

namespace ssd {
namespace {

std::vector<SampleKey> Take(const ShardOptions& options, int64_t position, int64_t count) {
  ShardSampler sampler(options, position);
  std::vector<SampleKey> keys;
  for (int64_t i = 0; i < count; ++i) keys.push_back(sampler.Next());
  return keys;
}

// Vector V3.
TEST(Shards, OfTheWorkedExamples) {
  const int64_t train[5] = {0, 29316, 58633, 87949, 117266};
  for (int r = 0; r < 4; ++r) {
    EXPECT_EQ(ShardOf(117266, r, 4).begin, train[r]);
    EXPECT_EQ(ShardOf(117266, r, 4).end, train[r + 1]);
  }
  const int64_t eval[4] = {0, 1666, 3333, 5000};
  for (int r = 0; r < 3; ++r) {
    EXPECT_EQ(ShardOf(5000, r, 3).begin, eval[r]);
    EXPECT_EQ(ShardOf(5000, r, 3).end, eval[r + 1]);
  }
}

TEST(ShardSampler, RanksShareEachReshuffledPass) {
  constexpr int64_t kItems = 103;
  constexpr int kRanks = 4;
  std::vector<std::vector<int32_t>> passes(9);
  for (int rank = 0; rank < kRanks; ++rank) {
    const ShardOptions options{.items = kItems, .seed = 5, .rank = rank, .ranks = kRanks};
    std::map<uint32_t, std::vector<int32_t>> mine;
    for (const SampleKey& key : Take(options, 0, 2 * kItems)) mine[key.pass].push_back(key.item);
    for (uint32_t pass = 1; pass <= 8; ++pass) {
      const Shard shard = ShardOf(kItems, (rank + pass - 1) % kRanks, kRanks);
      EXPECT_EQ(static_cast<int64_t>(mine[pass].size()), shard.size());
      passes[pass].insert(passes[pass].end(), mine[pass].begin(), mine[pass].end());
    }
    EXPECT_EQ(mine.size(), 8u);
  }
  for (uint32_t pass = 1; pass <= 8; ++pass) {
    std::vector<int32_t> all(kItems), sorted = passes[pass];
    std::iota(all.begin(), all.end(), 0);
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(sorted, all) << "pass " << pass;
    EXPECT_NE(passes[pass], all);
    EXPECT_NE(passes[pass], passes[pass - 1]);
  }
}

TEST(ShardSampler, CachedRankStaysInItsShard) {
  constexpr int64_t kItems = 8000;
  std::set<int32_t> owned_by_any;
  for (int rank = 0; rank < 3; ++rank) {
    const ShardOptions options{.items = kItems, .seed = 5, .rank = rank, .ranks = 3, .cache = true};
    const int64_t size = ShardOf(kItems, rank, 3).size();
    std::map<int32_t, std::vector<uint32_t>> seen;
    for (const SampleKey& key : Take(options, 0, 4 * size)) seen[key.item].push_back(key.pass);
    EXPECT_EQ(static_cast<int64_t>(seen.size()), size);
    for (auto& [item, passes] : seen) {
      EXPECT_TRUE(owned_by_any.insert(item).second) << item;
      std::sort(passes.begin(), passes.end());
      // Every read leaves the buffer once, so no (item, pass) comes twice.
      EXPECT_EQ(std::adjacent_find(passes.begin(), passes.end()), passes.end());
      EXPECT_LE(passes.back(), 5u);
    }
  }
  EXPECT_EQ(static_cast<int64_t>(owned_by_any.size()), kItems);
}

TEST(ShardSampler, CachedListIsTheSameForEverySeedButItsOrderIsNot) {
  ShardOptions options{.items = 3000, .seed = 1, .rank = 1, .ranks = 2, .cache = true};
  const auto items = [](const std::vector<SampleKey>& keys) {
    std::set<int32_t> set;
    for (const SampleKey& key : keys) set.insert(key.item);
    return set;
  };
  const auto a = Take(options, 0, 20000);
  options.seed = 2;
  const auto b = Take(options, 0, 20000);
  EXPECT_NE(a, b);
  EXPECT_EQ(items(a), items(b));
}

TEST(ShardSampler, SmallShardsWorkCached) {
  const ShardOptions options{.items = 5, .seed = 1, .rank = 0, .ranks = 2, .cache = true};
  std::map<int32_t, int> count;
  for (const SampleKey& key : Take(options, 0, 200)) ++count[key.item];
  ASSERT_EQ(count.size(), 2u);  // floor(5 / 2)
  for (const auto& [item, n] : count) EXPECT_NEAR(n, 100, 4);
}

TEST(ShardSampler, SeekingEqualsRunning) {
  for (const bool cache : {false, true}) {
    for (const int ranks : {1, 3}) {
      const ShardOptions options{
          .items = 1300, .seed = 9, .rank = ranks - 1, .ranks = ranks, .cache = cache};
      const auto all = Take(options, 0, 6000);
      for (const int64_t position : {1, 432, 433, 434, 866, 1299, 1300, 1301, 2600, 5000}) {
        const std::vector<SampleKey> rest(all.begin() + position, all.begin() + position + 900);
        EXPECT_EQ(Take(options, position, 900), rest) << position << " cache " << cache;
      }
    }
  }
}

}  // namespace
}  // namespace ssd
