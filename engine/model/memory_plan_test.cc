// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "model/memory_plan.h"

#include <gtest/gtest.h>

#include "core/philox.h"

namespace ssd {
namespace {

TEST(MemoryPlan, BlocksThatNeverMeetShareMemory) {
  MemoryPlan plan;
  const auto a = plan.Add(1000, 0, 1);
  const auto b = plan.Add(1000, 2, 3);
  const auto c = plan.Add(500, 1, 2);
  EXPECT_EQ(plan.Pack(), 1024u + 512u);
  EXPECT_EQ(plan.offset(a), 0u);
  EXPECT_EQ(plan.offset(b), 0u);
  EXPECT_EQ(plan.offset(c), 1024u);
}

TEST(MemoryPlan, ExtendKeepsABlockAlive) {
  MemoryPlan plan;
  const auto a = plan.Add(64, 0, 0);
  plan.Extend(a, 5);
  plan.Add(64, 5, 5);
  EXPECT_EQ(plan.Pack(), 512u);
}

TEST(MemoryPlan, RandomBlocksAliveTogetherAreDisjoint) {
  struct Life {
    MemoryPlan::Block block;
    int first, last;
  };
  Philox random(1, Purpose::kSynthetic, 0, 0);
  for (int round = 0; round < 50; ++round) {
    MemoryPlan plan;
    std::vector<Life> lives;
    for (int i = 0; i < 60; ++i) {
      const int first = static_cast<int>(random.Below(40));
      const int last = first + static_cast<int>(random.Below(20));
      lives.push_back({plan.Add(1 + random.Below(5000), first, last), first, last});
    }
    const size_t total = plan.Pack();
    for (const Life& a : lives) {
      EXPECT_EQ(plan.offset(a.block) % 256, 0u);
      EXPECT_LE(plan.offset(a.block) + plan.size(a.block), total);
      for (const Life& b : lives) {
        if (a.block == b.block || a.last < b.first || b.last < a.first) continue;
        EXPECT_TRUE(plan.offset(a.block) + plan.size(a.block) <= plan.offset(b.block) ||
                    plan.offset(b.block) + plan.size(b.block) <= plan.offset(a.block));
      }
    }
  }
}

}  // namespace
}  // namespace ssd
