// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "loss/matcher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "backends/backend.h"
#include "core/philox.h"

namespace ssd {
namespace {

struct Targets {
  std::vector<int32_t> label = std::vector<int32_t>(kDefaultBoxes, -1);
  std::vector<float> offset = std::vector<float>(kDefaultBoxes * 4, NAN);
};

Targets Encode(const std::vector<CornerBox>& boxes, const std::vector<int32_t>& labels) {
  Targets targets;
  EncodeTargets(boxes, labels, targets.label, targets.offset);
  return targets;
}

float Iou(const CornerBox& p, const CornerBox& q) {
  const float w = std::min(p[2], q[2]) - std::max(p[0], q[0]);
  const float h = std::min(p[3], q[3]) - std::max(p[1], q[1]);
  const float inter = std::max(w, 0.0f) * std::max(h, 0.0f);
  return inter / ((p[2] - p[0]) * (p[3] - p[1]) + (q[2] - q[0]) * (q[3] - q[1]) - inter);
}

// Section 3 word by word.
Targets EncodePlainly(const std::vector<CornerBox>& boxes, const std::vector<int32_t>& labels) {
  std::vector<float> iou(kDefaultBoxes, 0.0f);
  std::vector<size_t> owner(kDefaultBoxes, 0);
  for (size_t k = 0; k < boxes.size(); ++k) {
    float highest = -1;
    int64_t best = -1;
    for (int64_t a = 0; a < kDefaultBoxes; ++a) {
      const float v = Iou(boxes[k], DefaultBoxCorners()[a]);
      if (v >= iou[a]) {
        iou[a] = v;
        owner[a] = k;
      }
      if (v >= highest) {
        highest = v;
        best = a;
      }
    }
    owner[best] = k;
    iou[best] = 2;
  }
  Targets targets;
  for (int64_t a = 0; a < kDefaultBoxes; ++a) {
    const bool positive = iou[a] > 0.5f;
    targets.label[a] = positive ? labels[owner[a]] : 0;
    std::fill_n(&targets.offset[a * 4], 4, 0.0f);
    if (!positive) continue;
    const CornerBox& g = boxes[owner[a]];
    const auto [ax, ay, aw, ah] = DefaultBoxes()[a];
    targets.offset[a * 4] = ((g[0] + g[2]) / 2 - ax) / aw / 0.1f;
    targets.offset[a * 4 + 1] = ((g[1] + g[3]) / 2 - ay) / ah / 0.1f;
    targets.offset[a * 4 + 2] = static_cast<float>(std::log(double{(g[2] - g[0]) / aw})) / 0.2f;
    targets.offset[a * 4 + 3] = static_cast<float>(std::log(double{(g[3] - g[1]) / ah})) / 0.2f;
  }
  return targets;
}

// V6.
TEST(Matcher, TwoBoxesGiveTwelvePositives) {
  const Targets t = Encode({{0.3f, 0.3f, 0.7f, 0.7f}, {0.50f, 0.50f, 0.52f, 0.53f}}, {17, 3});
  struct Positive {
    int32_t label;
    float offset[4];
  };
  const std::map<int64_t, Positive> expected = {
      {2960, {3, {2.380952f, -0.714286f, -6.263815f, -4.236489f}}},
      {8206, {17, {0.606061f, 0.606061f, 0.961859f, 0.961859f}}},
      {8207, {17, {0.487515f, 0.487515f, -0.126436f, -0.126436f}}},
      {8208, {17, {0.428550f, 0.857099f, -0.771008f, 2.694727f}}},
      {8209, {17, {0.857099f, 0.428550f, 2.694727f, -0.771008f}}},
      {8212, {17, {-2.626263f, 0.606061f, 0.961859f, 0.961859f}}},
      {8213, {17, {-2.112565f, 0.487515f, -0.126436f, -0.126436f}}},
      {8215, {17, {-3.714096f, 0.428550f, 2.694727f, -0.771008f}}},
      {8266, {17, {0.606061f, -2.626263f, 0.961859f, 0.961859f}}},
      {8267, {17, {0.487515f, -2.112565f, -0.126436f, -0.126436f}}},
      {8268, {17, {0.428550f, -3.714096f, -0.771008f, 2.694727f}}},
      {8614, {17, {-0.653595f, -0.653595f, -1.214731f, -1.214731f}}}};
  for (int64_t a = 0; a < kDefaultBoxes; ++a) {
    const auto it = expected.find(a);
    ASSERT_EQ(t.label[a], it == expected.end() ? 0 : it->second.label) << "default box " << a;
    for (int c = 0; c < 4; ++c) {
      const float want = it == expected.end() ? 0.0f : it->second.offset[c];
      ASSERT_NEAR(t.offset[a * 4 + c], want, want == 0 ? 0 : 1e-5) << a << " offset " << c;
    }
  }
}

// V6: of equal boxes the later one wins, also where it is forced.
TEST(Matcher, LaterOfEqualBoxesWins) {
  const Targets t = Encode({{0.1f, 0.1f, 0.4f, 0.4f}, {0.1f, 0.1f, 0.4f, 0.4f}}, {5, 9});
  EXPECT_EQ(std::count(t.label.begin(), t.label.end(), 9), 12);
  EXPECT_EQ(std::count(t.label.begin(), t.label.end(), 0), kDefaultBoxes - 12);
  EXPECT_EQ(t.label[8074], 9);
  EXPECT_NEAR(Iou({0.1f, 0.1f, 0.4f, 0.4f}, DefaultBoxCorners()[8074]), 0.809873, 1e-6);
}

TEST(Matcher, NoBoxesGiveBackground) {
  const Targets t = Encode({}, {});
  EXPECT_EQ(std::count(t.label.begin(), t.label.end(), 0), kDefaultBoxes);
  EXPECT_EQ(std::count(t.offset.begin(), t.offset.end(), 0.0f), kDefaultBoxes * 4);
}

TEST(Matcher, BoxOutsideTakesTheHighestIndex) {
  const Targets t = Encode({{5.0f, 5.0f, 5.5f, 5.5f}}, {4});
  EXPECT_EQ(t.label[kDefaultBoxes - 1], 4);
  EXPECT_EQ(std::count(t.label.begin(), t.label.end(), 0), kDefaultBoxes - 1);
}

// Coordinates on a coarse grid make ties of IoU frequent.
std::vector<CornerBox> RandomBoxes(Philox& random, bool coarse) {
  std::vector<CornerBox> boxes(random.Below(12));
  for (auto& box : boxes) {
    for (int axis = 0; axis < 2; ++axis) {
      float lo = random.Uniform(0.0f, 0.9f);
      float hi = random.Uniform(lo + 0.001f, 1.0f);
      if (coarse) {
        lo = std::floor(lo * 10) / 10;
        hi = std::max(std::ceil(hi * 10) / 10, lo + 0.1f);
      }
      box[axis] = lo;
      box[axis + 2] = hi;
    }
    if (!boxes.empty() && random.Below(5) == 0) box = boxes[random.Below(boxes.size())];
  }
  std::erase_if(boxes, [](const CornerBox& b) { return b[2] <= b[0] || b[3] <= b[1]; });
  return boxes;
}

TEST(Matcher, EqualsThePlainVersionBitForBit) {
  for (uint64_t round = 0; round < 300; ++round) {
    Philox random(7, Purpose::kSynthetic, 0, round);
    const auto boxes = RandomBoxes(random, round % 2 == 0);
    std::vector<int32_t> labels(boxes.size());
    for (auto& label : labels) label = static_cast<int32_t>(1 + random.Below(80));
    const Targets fast = Encode(boxes, labels);
    const Targets plain = EncodePlainly(boxes, labels);
    ASSERT_EQ(fast.label, plain.label) << "round " << round;
    ASSERT_EQ(fast.offset, plain.offset) << "round " << round;
  }
}

// V7.
TEST(Matcher, DecodesWithAndWithoutOverhang) {
  const float inside[4] = {1.0f, -2.0f, 0.5f, -0.5f};
  const CornerBox p = DecodeBox(DefaultBoxes()[8207], inside);
  const float over[4] = {-8, 0, 5, 0};
  const CornerBox q = DecodeBox(DefaultBoxes()[8692], over);
  const double want_p[4] = {0.294330, 0.212349, 0.747719, 0.583553};
  const double want_q[4] = {-1.323141, -0.178333, 0.552474, 0.511667};
  for (int c = 0; c < 4; ++c) {
    EXPECT_NEAR(p[c], want_p[c], 1e-6) << c;
    EXPECT_NEAR(q[c], want_q[c], 2e-6) << c;
  }
}

TEST(Matcher, DecodingUndoesEncoding) {
  const CornerBox box = {0.31f, 0.28f, 0.72f, 0.69f};
  const Targets t = Encode({box}, {1});
  int positives = 0;
  for (int64_t a = 0; a < kDefaultBoxes; ++a) {
    if (t.label[a] == 0) continue;
    ++positives;
    const CornerBox decoded = DecodeBox(DefaultBoxes()[a], &t.offset[a * 4]);
    for (int c = 0; c < 4; ++c) EXPECT_NEAR(decoded[c], box[c], 1e-6) << a;
  }
  EXPECT_GT(positives, 1);
}

}  // namespace
}  // namespace ssd
