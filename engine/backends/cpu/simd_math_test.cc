// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/simd_math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#pragma GCC diagnostic ignored "-Wpsabi"

namespace ssd::simd {
namespace {

TEST(SimdMath, ExpIsWithinTwoUnitsOfTheLastPlace) {
  double worst = 0;
  float x = 0;
  while (x > -87) {
    Floats v;
    for (int i = 0; i < kLanes; ++i, x -= 0.00093f) v[i] = x;
    const Floats e = ExpNonPositive(v);
    for (int i = 0; i < kLanes; ++i) {
      if (v[i] < -87) continue;
      const double exact = std::exp(static_cast<double>(v[i]));
      const float near = static_cast<float>(exact);
      const double unit = std::nextafter(near, 2.0f) - near;
      worst = std::max(worst, std::abs(e[i] - exact) / unit);
    }
  }
  EXPECT_LT(worst, 2);
  EXPECT_EQ(ExpNonPositive(Floats{})[3], 1.0f);
}

TEST(SimdMath, ExpOfExtremes) {
  Floats v = {};
  v[0] = -1e30f;
  v[1] = -std::numeric_limits<float>::infinity();
  v[2] = std::numeric_limits<float>::quiet_NaN();
  const Floats e = ExpNonPositive(v);
  EXPECT_NEAR(e[0], 0, 2e-38);
  EXPECT_NEAR(e[1], 0, 2e-38);
  EXPECT_TRUE(std::isnan(e[2]));
}

TEST(SimdMath, SumAndMaximumSeeEveryLane) {
  for (int lane = 0; lane < kLanes; ++lane) {
    Floats v = {};
    v[lane] = 3;
    EXPECT_EQ(SumOf(v), 3);
    EXPECT_EQ(MaxOf(v), 3);
    v[lane] = -3;
    EXPECT_EQ(SumOf(v), -3);
    EXPECT_EQ(MaxOf(v), 0);
  }
}

}  // namespace
}  // namespace ssd::simd
