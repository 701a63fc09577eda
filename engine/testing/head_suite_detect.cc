// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/philox.h"
#include "testing/head_suite.h"

namespace ssd::testing {

Found Detect(const DetectCase& c, const Prediction& prediction, int64_t candidates) {
  DetectDesc desc{};
  desc.candidates = candidates;
  desc.batch = prediction.batch;
  desc.default_boxes = DetectDefaultBoxes();
  HeadValues maps(prediction.batch, c.channels);
  for (int64_t i = 0; i < prediction.batch * kDefaultBoxes; ++i) {
    std::copy_n(prediction.Score(i), kClasses, &maps.Score(i, 0));
    std::copy_n(prediction.Offset(i), 4, &maps.Offset(i, 0));
  }
  return c.run(maps, desc);
}

Found ByImage(const std::vector<Detection>& out, const std::vector<int32_t>& count) {
  const size_t share = out.size() / count.size();
  Found found;
  for (size_t n = 0; n < count.size(); ++n) {
    const auto first = out.begin() + static_cast<ptrdiff_t>(n * share);
    found.emplace_back(first, first + count[n]);
  }
  return found;
}

void ExpectIdentical(const Found& a, const Found& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t n = 0; n < a.size(); ++n) {
    ASSERT_EQ(a[n].size(), b[n].size()) << n;
    EXPECT_EQ(std::memcmp(a[n].data(), b[n].data(), a[n].size() * sizeof(Detection)), 0) << n;
  }
}

Prediction RandomPrediction(uint64_t id, int64_t batch, int64_t busy) {
  Philox random(31, Purpose::kSynthetic, 0, id);
  Prediction p(batch);
  for (int64_t n = 0; n < batch * busy; ++n) {
    const int64_t i = n / busy * kDefaultBoxes + random.Below(kDefaultBoxes);
    float* score = p.Score(i);
    if (n % 7 == 3) {
      const int64_t from = n / busy * kDefaultBoxes + random.Below(kDefaultBoxes);
      std::copy_n(p.Score(from), kClasses, score);
    } else {
      for (int64_t c = 0; c < kClasses; ++c) score[c] = random.Uniform(-6.0f, 0.0f);
      score[0] = random.Uniform(-3.0f, 6.0f);
      for (int k = 0; k < 3; ++k) score[1 + random.Below(80)] = random.Uniform(0.0f, 5.0f);
      const uint32_t twin = 1 + random.Below(79);
      if (n % 5 == 0) score[twin] = score[twin + 1] = 4;
    }
    for (int t = 0; t < 4; ++t) p.offset[i * 4 + t] = random.Uniform(-3.0f, 3.0f);
  }
  return p;
}

namespace {

void ExpectEqual(const std::vector<Detection>& got, const std::vector<Detection>& want,
                 double box_error) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    const double extent = std::max({1.0f, std::abs(want[i].left), std::abs(want[i].top),
                                    std::abs(want[i].right), std::abs(want[i].bottom)});
    ASSERT_EQ(got[i].label, want[i].label) << i;
    ASSERT_NEAR(got[i].score, want[i].score, 1e-6) << i;
    ASSERT_NEAR(got[i].left, want[i].left, box_error * extent) << i;
    ASSERT_NEAR(got[i].top, want[i].top, box_error * extent) << i;
    ASSERT_NEAR(got[i].right, want[i].right, box_error * extent) << i;
    ASSERT_NEAR(got[i].bottom, want[i].bottom, box_error * extent) << i;
  }
}

// V8; bottom_e as the vector's note says, and F a hair below 0.05 (the tie itself is not exact in
// f32).
std::string Names(const DetectCase& c, float bottom_e, int64_t candidates) {
  struct Named {
    char name;
    int32_t label;
    double score;
    std::array<float, 4> box;
  };
  const std::vector<Named> all = {{'A', 1, 0.90, {0.10f, 0.10f, 0.50f, 0.50f}},
                                  {'C', 2, 0.85, {0.12f, 0.10f, 0.52f, 0.50f}},
                                  {'B', 1, 0.80, {0.12f, 0.10f, 0.52f, 0.50f}},
                                  {'D', 1, 0.70, {0.30f, 0.10f, 0.70f, 0.50f}},
                                  {'E', 1, 0.60, {0.10f, 0.10f, 0.50f, bottom_e}},
                                  {'G', 2, 0.051, {0.00f, 0.00f, 0.10f, 0.10f}},
                                  {'F', 1, 0.0499999, {0.80f, 0.80f, 0.90f, 0.90f}}};
  Prediction p(1);
  for (size_t i = 0; i < all.size(); ++i)
    p.Put(8600 + 5 * static_cast<int64_t>(i), all[i].label, all[i].score, all[i].box);
  std::string names;
  const Found found = Detect(c, p, candidates);
  for (const Detection& d : found[0]) {
    const auto it = std::find_if(all.begin(), all.end(), [&](const Named& n) {
      return n.label == d.label && std::abs(n.score - d.score) < 1e-5;
    });
    names += it == all.end() ? '?' : it->name;
    EXPECT_NEAR(d.right, it == all.end() ? NAN : it->box[2], 1e-6) << names;
  }
  return names;
}

}  // namespace

TEST_P(DetectSuite, EqualsThePlainVersion) {
  int64_t clear_images = 0, detections = 0;
  const int64_t rounds = GetParam().rounds;
  for (int64_t round = 0; round < rounds; ++round) {
    const Prediction p =
        RandomPrediction(static_cast<uint64_t>(round), 2, round % 3 == 0 ? 20 : 400);
    DetectDesc desc{};
    desc.candidates = round % 4 == 1 ? 17 : kCandidates;
    const Found found = Detect(GetParam(), p, desc.candidates);
    for (int64_t n = 0; n < 2; ++n) {
      SCOPED_TRACE("round " + std::to_string(round) + ", image " + std::to_string(n));
      bool clear = true;
      const auto want = DetectPlainly(p, n, desc, &clear);
      if (!clear) continue;
      ++clear_images;
      detections += static_cast<int64_t>(want.size());
      ExpectEqual(found[static_cast<size_t>(n)], want, GetParam().box_error);
    }
  }
  EXPECT_GE(clear_images, rounds);
  EXPECT_GE(detections, 50 * rounds);
}

// Far more candidates than are kept: every default box, with up to 19 classes each.
TEST_P(DetectSuite, KeepsTheBestOfManyCandidates) {
  Prediction p(1);
  for (int64_t a = 0; a < kDefaultBoxes; ++a)
    for (int c = 0; c < kClasses; ++c) p.Score(a)[c] = c >= 1 && c <= 18 ? 0 : -30;
  for (int n = 0; n < 40; ++n) p.Score(n * 217)[1 + n] = 1 + 0.125f * static_cast<float>(n);
  bool clear = true;
  const auto want = DetectPlainly(p, 0, {}, &clear);
  ASSERT_TRUE(clear);
  ExpectEqual(Detect(GetParam(), p)[0], want, GetParam().box_error);
}

TEST_P(DetectSuite, SuppressesWithinAClass) {
  EXPECT_EQ(Names(GetParam(), 0.299f, 200), "ACDEG");
  EXPECT_EQ(Names(GetParam(), 0.301f, 200), "ACDG");
}

TEST_P(DetectSuite, LimitsCandidatesBeforeSuppression) {
  EXPECT_EQ(Names(GetParam(), 0.299f, 3), "AC");
}

// V7.
TEST_P(DetectSuite, DecodesBoxes) {
  Prediction p(1);
  const float offsets[2][4] = {{1.0f, -2.0f, 0.5f, -0.5f}, {-8, 0, 5, 0}};
  const int64_t at[2] = {8207, 8692};
  const double want[2][4] = {{0.294330, 0.212349, 0.747719, 0.583553},
                             {-1.323141, -0.178333, 0.552474, 0.511667}};
  for (int i = 0; i < 2; ++i) {
    p.Put(at[i], i, i == 0 ? 0.9 : 0.8, {0.1f, 0.1f, 0.2f, 0.2f});
    std::copy_n(offsets[i], 4, &p.offset[at[i] * 4]);
  }
  const Found found = Detect(GetParam(), p);
  ASSERT_EQ(found[0].size(), 2u);
  for (int i = 0; i < 2; ++i) {
    const Detection& d = found[0][i];
    EXPECT_EQ(d.label, i);
    EXPECT_NEAR(d.left, want[i][0], 2e-6);
    EXPECT_NEAR(d.top, want[i][1], 2e-6);
    EXPECT_NEAR(d.right, want[i][2], 2e-6);
    EXPECT_NEAR(d.bottom, want[i][3], 2e-6);
  }
}

// Two default boxes of equal class and box apart: equal scores come in the order class, default
// box.
TEST_P(DetectSuite, EqualScoresKeepTheirOrder) {
  Prediction p(1);
  p.Put(100, 7, 0.5, {0.1f, 0.1f, 0.2f, 0.2f});
  p.Put(50, 7, 0.5, {0.3f, 0.3f, 0.4f, 0.4f});
  p.Put(900, 3, 0.5, {0.5f, 0.5f, 0.6f, 0.6f});
  const Found found = Detect(GetParam(), p);
  ASSERT_EQ(found[0].size(), 3u);
  EXPECT_EQ(found[0][0].label, 3);
  EXPECT_NEAR(found[0][1].left, 0.3, 1e-6);
  EXPECT_NEAR(found[0][2].left, 0.1, 1e-6);
}

// More candidates of score 1 than are kept, then better ones: equal in score, lower in class.
TEST_P(DetectSuite, CertainScoresKeepTheirOrder) {
  Prediction p(1);
  for (int64_t a = 0; a < 1000; ++a) {
    std::fill_n(p.Score(a), kClasses, -40.0f);
    p.Score(a)[a < 700 ? 9 : 4] = 40;
  }
  const Found found = Detect(GetParam(), p);
  ASSERT_FALSE(found[0].empty());
  for (const Detection& d : found[0]) {
    EXPECT_EQ(d.label, 3);
    EXPECT_EQ(d.score, 1);
  }
}

TEST_P(DetectSuite, BackgroundAndNonFiniteScoresGiveNothing) {
  Prediction p(2);
  p.Put(10, 1, 0.9, {0.1f, 0.1f, 0.2f, 0.2f});
  p.Put(20, 2, 0.9, {0.1f, 0.1f, 0.2f, 0.2f});
  p.Put(30, 3, 0.8, {0.1f, 0.1f, 0.2f, 0.2f});
  p.Score(10)[5] = NAN;
  p.Score(20)[0] = INFINITY;
  const Found found = Detect(GetParam(), p);
  ASSERT_EQ(found[0].size(), 1u);
  EXPECT_EQ(found[0][0].label, 3);
  EXPECT_TRUE(found[1].empty());
}

}  // namespace ssd::testing
