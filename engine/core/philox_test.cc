// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "core/philox.h"

#include <gtest/gtest.h>

namespace ssd {
namespace {

using Block = std::array<uint32_t, 4>;

// Known answers published with the generator (Random123, kat_vectors).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}),
            (Block{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}));
  EXPECT_EQ(Philox4x32({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (Block{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}));
  EXPECT_EQ(
      Philox4x32({0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}, {0xa4093822u, 0x299f31d0u}),
      (Block{0xd16cfe09u, 0x94fdcceb, 0x5001e420u, 0x24126ea1u}));
}

TEST(Philox, StreamsDifferByEveryKeyPart) {
  const uint32_t first = Philox(1, Purpose::kCrop, 2, 3).Next();
  EXPECT_EQ(Philox(1, Purpose::kCrop, 2, 3).Next(), first);
  EXPECT_NE(Philox(2, Purpose::kCrop, 2, 3).Next(), first);
  EXPECT_NE(Philox(1, Purpose::kFlip, 2, 3).Next(), first);
  EXPECT_NE(Philox(1, Purpose::kCrop, 3, 3).Next(), first);
  EXPECT_NE(Philox(1, Purpose::kCrop, 2, 4).Next(), first);
  EXPECT_NE(Philox(1, Purpose::kCrop, 2, 3 + (1ull << 32)).Next(), first);
}

TEST(Philox, UniformLiesInRangeWithTheRightMean) {
  Philox random(7, Purpose::kColor, 0, 0);
  double sum = 0;
  for (int i = 0; i < 100000; ++i) {
    const float u = random.Uniform(0.5f, 1.5f);
    ASSERT_GE(u, 0.5f);
    ASSERT_LE(u, 1.5f);
    sum += u;
  }
  EXPECT_NEAR(sum / 100000, 1.0, 0.005);  // 5 standard errors
}

TEST(Philox, BelowCoversItsRange) {
  Philox random(7, Purpose::kCrop, 0, 0);
  int seen[7] = {};
  for (int i = 0; i < 7000; ++i) ++seen[random.Below(7)];
  for (const int n : seen) EXPECT_NEAR(n, 1000, 150);  // 5 standard deviations
}

}  // namespace
}  // namespace ssd
