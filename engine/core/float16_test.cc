// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "core/float16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace ssd {
namespace {

float Value(int bits) { return float16{static_cast<uint16_t>(bits)}.ToFloat(); }

TEST(Float16, HasTheValuesOfIeee) {
  EXPECT_EQ(Value(0x3c00), 1.0f);
  EXPECT_EQ(Value(0xc100), -2.5f);
  EXPECT_EQ(Value(0x7bff), 65504.0f);
  EXPECT_EQ(Value(0x0400), 0x1p-14f);
  EXPECT_EQ(Value(0x0001), 0x1p-24f);
}

// Every finite number and the two sides of the middle between it and the next one.
TEST(Float16, RoundsToNearestEven) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (int bits = 0; bits < 0x7c00; ++bits) {
    const float here = Value(bits), next = bits + 1 < 0x7c00 ? Value(bits + 1) : 65536.0f;
    const float middle = (here + next) / 2;
    for (const int sign : {0, 0x8000}) {
      const float s = sign == 0 ? 1.0f : -1.0f;
      ASSERT_EQ(float16::From(s * here).bits, sign | bits);
      ASSERT_EQ(float16::From(s * middle).bits, sign | (bits + (bits & 1))) << middle;
      ASSERT_EQ(float16::From(s * std::nextafter(middle, 0.0f)).bits, sign | bits) << middle;
      ASSERT_EQ(float16::From(s * std::nextafter(middle, infinity)).bits, sign | (bits + 1))
          << middle;
    }
  }
}

TEST(Float16, KeepsSpecialValues) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(float16::From(infinity).bits, 0x7c00);
  EXPECT_EQ(float16::From(-std::numeric_limits<float>::max()).bits, 0xfc00);
  EXPECT_EQ(Value(0xfc00), -infinity);
  EXPECT_TRUE(std::isnan(float16::From(std::numeric_limits<float>::quiet_NaN()).ToFloat()));
  EXPECT_TRUE(std::isnan(float16::From(std::bit_cast<float>(0x7f800001u)).ToFloat()));
}

}  // namespace
}  // namespace ssd
