// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "loss/default_boxes.h"

#include <gtest/gtest.h>

#include <array>
#include <map>

#include "backends/backend.h"

namespace ssd {
namespace {

// V1.
TEST(DefaultBoxes, StoredValues) {
  const std::map<int64_t, std::array<double, 4>> expected = {
      {0, {0.01333333, 0.01333333, 0.07, 0.07}},
      {1, {0.01333333, 0.01333333, 0.10246951, 0.10246951}},
      {2, {0.01333333, 0.01333333, 0.09899495, 0.04949747}},
      {3, {0.01333333, 0.01333333, 0.04949747, 0.09899495}},
      {4, {0.04, 0.01333333, 0.07, 0.07}},
      {152, {0.01333333, 0.04, 0.07, 0.07}},
      {5775, {1, 1, 0.04949747, 0.09899495}},
      {5776, {0.02666667, 0.02666667, 0.15, 0.15}},
      {5780, {0.02666667, 0.02666667, 0.25980762, 0.08660254}},
      {7942, {0.05333333, 0.05333333, 0.33, 0.33}},
      {8541, {1, 1, 0.19052559, 0.57157677}},
      {8542, {0.10666667, 0.10666667, 0.51, 0.51}},
      {8692, {0.16666667, 0.16666667, 0.69, 0.69}},
      {8728, {0.5, 0.5, 0.87, 0.87}},
      {8729, {0.5, 0.5, 0.95577194, 0.95577194}},
      {8731, {0.5, 0.5, 0.6151829, 1}}};
  const auto boxes = DefaultBoxes();
  ASSERT_EQ(boxes.size(), 8732u);
  for (const auto& [a, want] : expected) {
    for (int c = 0; c < 4; ++c) EXPECT_NEAR(boxes[a][c], want[c], 6e-8) << a << " " << c;
  }
}

// V1.
TEST(DefaultBoxes, Sums) {
  std::array<double, 4> sum{};
  for (const auto& box : DefaultBoxes()) {
    for (int c = 0; c < 4; ++c) sum[c] += box[c];
  }
  EXPECT_NEAR(sum[0], 4443.14667, 1e-4);
  EXPECT_NEAR(sum[1], 4443.14667, 1e-4);
  EXPECT_NEAR(sum[2], 1171.96767, 1e-4);
  EXPECT_NEAR(sum[3], 1171.96767, 1e-4);
}

// V1: 114 boxes of map 2 lie on its last row or column; the last two of map 5 are cut to 1.
TEST(DefaultBoxes, ClippedOnes) {
  int at_edge = 0;
  for (int64_t a = kMapFirst[2]; a < kMapFirst[3]; ++a) {
    at_edge += DefaultBoxes()[a][0] == 1.0f || DefaultBoxes()[a][1] == 1.0f;
  }
  EXPECT_EQ(at_edge, 114);
  EXPECT_EQ(DefaultBoxes()[8730][2], 1.0f);
  EXPECT_EQ(DefaultBoxes()[8731][3], 1.0f);
}

TEST(DefaultBoxes, CornersOverhang) {
  const CornerBox first = DefaultBoxCorners()[0];
  EXPECT_NEAR(first[0], 0.01333333 - 0.035, 1e-7);
  EXPECT_NEAR(first[1], 0.01333333 - 0.035, 1e-7);
  EXPECT_NEAR(first[2], 0.01333333 + 0.035, 1e-7);
  EXPECT_NEAR(first[3], 0.01333333 + 0.035, 1e-7);
  EXPECT_EQ(DefaultBoxCorners().size(), 8732u);
}

}  // namespace
}  // namespace ssd
