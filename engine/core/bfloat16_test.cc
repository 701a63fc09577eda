// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "core/bfloat16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace ssd {
namespace {

TEST(Bfloat16, RoundsToNearestEven) {
  EXPECT_EQ(bfloat16::From(1.0f).bits, 0x3f80);
  EXPECT_EQ(bfloat16::From(1.0f + 0x1p-8f).bits, 0x3f80);             // tie, even below
  EXPECT_EQ(bfloat16::From(1.0f + 3 * 0x1p-8f).bits, 0x3f82);         // tie, even above
  EXPECT_EQ(bfloat16::From(1.0f + 0x1p-8f + 0x1p-20f).bits, 0x3f81);  // above the tie
  EXPECT_EQ(bfloat16::From(-2.5f).ToFloat(), -2.5f);
}

TEST(Bfloat16, KeepsSpecialValues) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(bfloat16::From(infinity).ToFloat(), infinity);
  EXPECT_EQ(bfloat16::From(std::numeric_limits<float>::max()).ToFloat(), infinity);
  EXPECT_TRUE(std::isnan(bfloat16::From(std::numeric_limits<float>::quiet_NaN()).ToFloat()));
  EXPECT_TRUE(std::isnan(bfloat16::From(std::bit_cast<float>(0x7f800001u)).ToFloat()));
  EXPECT_EQ(bfloat16::From(-0.0f).bits, 0x8000);
}

}  // namespace
}  // namespace ssd
