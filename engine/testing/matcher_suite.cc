// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "testing/matcher_suite.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>

#include "backends/backend.h"
#include "core/philox.h"

namespace ssd::testing {
namespace {

using Batch = std::vector<LabelledBoxes>;

float Iou(const CornerBox& p, const CornerBox& q) {
  const float w = std::min(p[2], q[2]) - std::max(p[0], q[0]);
  const float h = std::min(p[3], q[3]) - std::max(p[1], q[1]);
  const float inter = std::max(w, 0.0f) * std::max(h, 0.0f);
  return inter / ((p[2] - p[0]) * (p[3] - p[1]) + (q[2] - q[0]) * (q[3] - q[1]) - inter);
}

// Spec section 3 word by word: the owner of each default box, or -1 for background.
std::vector<int64_t> OwnersByLoops(const std::vector<CornerBox>& boxes) {
  std::vector<float> iou(kDefaultBoxes, 0.0f);
  std::vector<int64_t> owner(kDefaultBoxes, 0);
  for (size_t k = 0; k < boxes.size(); ++k) {
    float highest = -1;
    int64_t best = -1;
    for (int64_t a = 0; a < kDefaultBoxes; ++a) {
      const float v = Iou(boxes[k], DefaultBoxCorners()[a]);
      if (v >= iou[a]) {
        iou[a] = v;
        owner[a] = static_cast<int64_t>(k);
      }
      if (v >= highest) {
        highest = v;
        best = a;
      }
    }
    owner[best] = static_cast<int64_t>(k);
    iou[best] = 2;
  }
  for (int64_t a = 0; a < kDefaultBoxes; ++a)
    if (!(iou[a] > 0.5f)) owner[a] = -1;
  return owner;
}

EncodedTargets EncodeByLoops(const Batch& batch) {
  EncodedTargets targets;
  for (const auto& [boxes, labels] : batch) {
    const std::vector<int64_t> owner = OwnersByLoops(boxes);
    for (int64_t a = 0; a < kDefaultBoxes; ++a) {
      targets.label.push_back(owner[a] < 0 ? 0 : labels[owner[a]]);
      if (owner[a] < 0) {
        targets.offset.insert(targets.offset.end(), 4, 0.0f);
        continue;
      }
      const CornerBox& g = boxes[owner[a]];
      const auto [ax, ay, aw, ah] = DefaultBoxes()[a];
      targets.offset.push_back(((g[0] + g[2]) / 2 - ax) / aw / 0.1f);
      targets.offset.push_back(((g[1] + g[3]) / 2 - ay) / ah / 0.1f);
      targets.offset.push_back(static_cast<float>(std::log(double{(g[2] - g[0]) / aw})) / 0.2f);
      targets.offset.push_back(static_cast<float>(std::log(double{(g[3] - g[1]) / ah})) / 0.2f);
    }
  }
  return targets;
}

// To the bit; NaN and infinite offsets of boxes without an extent are the same too.
void ExpectAsByLoops(const MatcherCase& c, const Batch& batch) {
  const EncodedTargets got = c.encode(batch), want = EncodeByLoops(batch);
  ASSERT_EQ(got.label, want.label);
  ASSERT_EQ(got.offset.size(), want.offset.size());
  for (size_t i = 0; i < want.offset.size(); ++i) {
    const bool same = got.offset[i] == want.offset[i] ||
                      (std::isnan(got.offset[i]) && std::isnan(want.offset[i]));
    ASSERT_TRUE(same) << "offset " << i << ": " << got.offset[i] << ", not " << want.offset[i];
  }
}

LabelledBoxes Labelled(std::vector<CornerBox> boxes) {
  LabelledBoxes image{std::move(boxes), {}};
  for (size_t k = 0; k < image.boxes.size(); ++k)
    image.labels.push_back(1 + static_cast<int32_t>(k % 80));
  return image;
}

// Coordinates on a coarse grid make ties of IoU frequent.
LabelledBoxes RandomImage(uint64_t id, size_t count, bool coarse) {
  Philox random(11, Purpose::kSynthetic, 0, id);
  std::vector<CornerBox> boxes(count);
  for (size_t k = 0; k < count; ++k) {
    for (int axis = 0; axis < 2; ++axis) {
      float lo = random.Uniform(0.0f, 0.9f);
      float hi = random.Uniform(lo + 0.001f, 1.0f);
      if (coarse) {
        lo = std::floor(lo * 10) / 10;
        hi = std::max(std::ceil(hi * 10) / 10, lo + 0.1f);
      }
      boxes[k][axis] = lo;
      boxes[k][axis + 2] = hi;
    }
    if (k > 0 && random.Below(5) == 0) boxes[k] = boxes[random.Below(static_cast<uint32_t>(k))];
  }
  return Labelled(std::move(boxes));
}

// Of the labels of one image of a batch.
int64_t CountOf(const EncodedTargets& targets, int64_t image, int32_t label) {
  const auto begin = targets.label.begin() + image * kDefaultBoxes;
  return std::count(begin, begin + kDefaultBoxes, label);
}

}  // namespace

TEST_P(MatcherSuite, EqualsThePlainVersion) {
  for (int64_t round = 0; round < GetParam().rounds; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const auto id = static_cast<uint64_t>(3 * round);
    const bool coarse = round % 2 == 0;
    ExpectAsByLoops(GetParam(), {RandomImage(id, 7, coarse), RandomImage(id + 1, 1, true),
                                 RandomImage(id + 2, 12, !coarse)});
  }
}

TEST_P(MatcherSuite, ManyBoxes) {
  ExpectAsByLoops(GetParam(), {RandomImage(3, 300, false), RandomImage(4, 93, true)});
}

// The default boxes themselves, several of them at once, and boxes between two of the same IoU.
TEST_P(MatcherSuite, TiesOfIou) {
  const auto corners = DefaultBoxCorners();
  ExpectAsByLoops(GetParam(),
                  {Labelled({corners[0], corners[1], corners[8206], corners[8731], corners[8212]}),
                   Labelled({corners[8541], corners[8540], corners[8541]}),
                   Labelled({{0.45f, 0.45f, 0.55f, 0.55f}, {0.25f, 0.25f, 0.75f, 0.75f}}),
                   Labelled({{0, 0, 1, 1}, {0, 0, 1, 1}, {0, 0, 1, 1}})});
}

// Half of default box 5 has an IoU of 0.5 with two of them: not enough.
TEST_P(MatcherSuite, HalfIsNotPositive) {
  CornerBox half = DefaultBoxCorners()[5];
  half[2] = (half[0] + half[2]) / 2;
  ExpectAsByLoops(GetParam(), {Labelled({half})});
  EXPECT_EQ(GetParam().encode({Labelled({half})}).label[5], 0);
}

TEST_P(MatcherSuite, ImagesWithoutBoxes) {
  ExpectAsByLoops(GetParam(), {{}, RandomImage(1, 3, false), {}, {}, RandomImage(2, 2, true), {}});
  const EncodedTargets none = GetParam().encode({{}});
  EXPECT_EQ(CountOf(none, 0, 0), kDefaultBoxes);
  EXPECT_EQ(std::count(none.offset.begin(), none.offset.end(), 0.0f), kDefaultBoxes * 4);
}

TEST_P(MatcherSuite, BoxOutsideTakesTheHighestIndex) {
  const EncodedTargets t = GetParam().encode({{{{5.0f, 5.0f, 5.5f, 5.5f}}, {4}}});
  EXPECT_EQ(t.label[kDefaultBoxes - 1], 4);
  EXPECT_EQ(CountOf(t, 0, 0), kDefaultBoxes - 1);
}

TEST_P(MatcherSuite, DegenerateBoxes) {
  ExpectAsByLoops(
      GetParam(),
      {Labelled({{5, 5, 5.5f, 5.5f}, {-1, -1, -0.5f, -0.5f}}),
       Labelled({{0.3f, 0.3f, 0.3f, 0.7f}, {0.2f, 0.2f, 0.6f, 0.6f}, {0.5f, 0.5f, 0.5f, 0.5f}}),
       Labelled({{0, 0, 1e-30f, 1e-30f}, {1, 1, 1, 1}, {0, 0, 0, 0}}),
       Labelled({{0.999f, 0, 1, 1}, {0, 0.9999f, 1, 1}})});
}

// V6: two boxes give twelve positives.
TEST_P(MatcherSuite, WorkedExample) {
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
  const EncodedTargets t =
      GetParam().encode({{{{0.3f, 0.3f, 0.7f, 0.7f}, {0.50f, 0.50f, 0.52f, 0.53f}}, {17, 3}}});
  for (int64_t a = 0; a < kDefaultBoxes; ++a) {
    const auto it = expected.find(a);
    ASSERT_EQ(t.label[a], it == expected.end() ? 0 : it->second.label) << "default box " << a;
    for (int c = 0; c < 4; ++c) {
      const float want = it == expected.end() ? 0.0f : it->second.offset[c];
      ASSERT_NEAR(t.offset[a * 4 + c], want, want == 0 ? 0 : 1e-5) << a << " offset " << c;
    }
  }
}

// V6: of equal boxes the later one wins, also where it is forced. In the second image of a batch.
TEST_P(MatcherSuite, LaterOfEqualBoxesWins) {
  const EncodedTargets t =
      GetParam().encode({{}, {{{0.1f, 0.1f, 0.4f, 0.4f}, {0.1f, 0.1f, 0.4f, 0.4f}}, {5, 9}}});
  EXPECT_EQ(CountOf(t, 0, 0), kDefaultBoxes);
  EXPECT_EQ(CountOf(t, 1, 9), 12);
  EXPECT_EQ(CountOf(t, 1, 0), kDefaultBoxes - 12);
  EXPECT_EQ(t.label[kDefaultBoxes + 8074], 9);
  EXPECT_NEAR(Iou({0.1f, 0.1f, 0.4f, 0.4f}, DefaultBoxCorners()[8074]), 0.809873, 1e-6);
}

}  // namespace ssd::testing
