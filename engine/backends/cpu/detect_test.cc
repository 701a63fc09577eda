// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/detect.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "backends/cpu/head_maps.h"
#include "core/philox.h"
#include "testing/detect_reference.h"

namespace ssd {
namespace {

using testing::DetectPlainly;
using testing::Prediction;

using Found = std::vector<std::vector<Detection>>;

Found FindIn(const Prediction& p, DetectDesc desc) {
  desc.batch = p.batch;
  desc.default_boxes = testing::DetectDefaultBoxes();
  const auto op = MakeCpuDetect(desc);
  std::array<std::vector<float>, kMaps> maps;
  std::array<const float*, kMaps> pointers;
  for (int64_t k = 0; k < kMaps; ++k) {
    const int64_t shapes = kMapShapes[k], channels = CpuHeadChannels(shapes);
    maps[k].assign(p.batch * HeadCells(k) * channels, NAN);
    for (int64_t b = 0; b < p.batch * HeadCells(k) * shapes; ++b) {
      const int64_t cell = b / shapes, s = b % shapes;
      const int64_t i =
          cell / HeadCells(k) * kDefaultBoxes + kMapFirst[k] + cell % HeadCells(k) * shapes + s;
      std::copy_n(p.Score(i), kClasses, &maps[k][cell * channels + s * kClasses]);
      std::copy_n(p.Offset(i), 4, &maps[k][cell * channels + shapes * kClasses + s * 4]);
    }
    pointers[k] = maps[k].data();
  }
  std::vector<Detection> out(p.batch * desc.candidates);
  std::vector<int32_t> count(p.batch, -1);
  std::vector<uint64_t> scratch(op->scratch() / sizeof(uint64_t) + 1);
  op->Bind(pointers, out.data(), count.data(), scratch.data());
  op->Run();
  Found found;
  for (int64_t n = 0; n < p.batch; ++n) {
    const auto first = out.begin() + n * desc.candidates;
    found.emplace_back(first, first + count[n]);
  }
  return found;
}

// busy default boxes with a few likely classes each; some are copies, so that scores tie exactly.
Prediction RandomPrediction(uint64_t round, int64_t batch, int64_t busy) {
  Philox random(31, Purpose::kSynthetic, 0, round);
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

TEST(Detect, EqualsThePlainVersion) {
  int64_t clear_images = 0, detections = 0;
  for (uint64_t round = 0; round < 24; ++round) {
    const Prediction p = RandomPrediction(round, 2, round % 3 == 0 ? 20 : 400);
    DetectDesc desc{};
    desc.candidates = round % 4 == 1 ? 17 : 200;
    const Found found = FindIn(p, desc);
    for (int64_t n = 0; n < 2; ++n) {
      bool clear = true;
      const auto want = DetectPlainly(p, n, desc, &clear);
      if (!clear) continue;
      ++clear_images;
      detections += want.size();
      ASSERT_EQ(found[n].size(), want.size()) << "round " << round << " image " << n;
      for (size_t i = 0; i < want.size(); ++i) {
        ASSERT_EQ(found[n][i].label, want[i].label) << "round " << round << " rank " << i;
        ASSERT_NEAR(found[n][i].score, want[i].score, 1e-6);
        ASSERT_FLOAT_EQ(found[n][i].left, want[i].left);
        ASSERT_FLOAT_EQ(found[n][i].top, want[i].top);
        ASSERT_FLOAT_EQ(found[n][i].right, want[i].right);
        ASSERT_FLOAT_EQ(found[n][i].bottom, want[i].bottom);
      }
    }
  }
  EXPECT_GE(clear_images, 30);
  EXPECT_GE(detections, 1000);
}

// Far more candidates than are kept: every default box, with up to 19 classes each.
TEST(Detect, KeepsTheBestOfManyCandidates) {
  Prediction p(1);
  Philox random(32, Purpose::kSynthetic, 0, 0);
  for (int64_t a = 0; a < kDefaultBoxes; ++a) {
    for (int c = 0; c < kClasses; ++c) p.Score(a)[c] = c >= 1 && c <= 18 ? 0 : -30;
  }
  for (int n = 0; n < 40; ++n) p.Score(n * 217)[1 + n] = 1 + 0.125f * static_cast<float>(n);
  DetectDesc desc{};
  const Found found = FindIn(p, desc);
  bool clear = true;
  const auto want = DetectPlainly(p, 0, desc, &clear);
  ASSERT_TRUE(clear);
  ASSERT_EQ(found[0].size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    ASSERT_EQ(found[0][i].label, want[i].label) << i;
    ASSERT_FLOAT_EQ(found[0][i].left, want[i].left) << i;
    ASSERT_FLOAT_EQ(found[0][i].bottom, want[i].bottom) << i;
  }
}

// V8; bottom_e as the vector's note says, and F a hair below 0.05 (the tie itself is not exact in
// f32).
std::string Names(float bottom_e, int64_t candidates) {
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
  for (size_t i = 0; i < all.size(); ++i) {
    p.Put(8600 + 5 * static_cast<int64_t>(i), all[i].label, all[i].score, all[i].box);
  }
  DetectDesc desc{};
  desc.candidates = candidates;
  std::string names;
  const Found found = FindIn(p, desc);
  for (const Detection& d : found[0]) {
    const auto it = std::find_if(all.begin(), all.end(), [&](const Named& n) {
      return n.label == d.label && std::abs(n.score - d.score) < 1e-5;
    });
    names += it == all.end() ? '?' : it->name;
    EXPECT_NEAR(d.right, it == all.end() ? NAN : it->box[2], 1e-6) << names;
  }
  return names;
}

TEST(Detect, SuppressesWithinAClass) {
  EXPECT_EQ(Names(0.299f, 200), "ACDEG");
  EXPECT_EQ(Names(0.301f, 200), "ACDG");
}

TEST(Detect, LimitsCandidatesBeforeSuppression) { EXPECT_EQ(Names(0.299f, 3), "AC"); }

// V7.
TEST(Detect, DecodesBoxes) {
  Prediction p(1);
  const float offsets[2][4] = {{1.0f, -2.0f, 0.5f, -0.5f}, {-8, 0, 5, 0}};
  const int64_t at[2] = {8207, 8692};
  const double want[2][4] = {{0.294330, 0.212349, 0.747719, 0.583553},
                             {-1.323141, -0.178333, 0.552474, 0.511667}};
  for (int i = 0; i < 2; ++i) {
    p.Put(at[i], i, i == 0 ? 0.9 : 0.8, {0.1f, 0.1f, 0.2f, 0.2f});
    std::copy_n(offsets[i], 4, &p.offset[at[i] * 4]);
  }
  const Found found = FindIn(p, {});
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
TEST(Detect, EqualScoresKeepTheirOrder) {
  Prediction p(1);
  p.Put(100, 7, 0.5, {0.1f, 0.1f, 0.2f, 0.2f});
  p.Put(50, 7, 0.5, {0.3f, 0.3f, 0.4f, 0.4f});
  p.Put(900, 3, 0.5, {0.5f, 0.5f, 0.6f, 0.6f});
  const Found found = FindIn(p, {});
  ASSERT_EQ(found[0].size(), 3u);
  EXPECT_EQ(found[0][0].label, 3);
  EXPECT_NEAR(found[0][1].left, 0.3, 1e-6);
  EXPECT_NEAR(found[0][2].left, 0.1, 1e-6);
}

// More candidates of score 1 than are kept, then better ones: equal in score, lower in class.
TEST(Detect, CertainScoresKeepTheirOrder) {
  Prediction p(1);
  for (int64_t a = 0; a < 1000; ++a) {
    std::fill_n(p.Score(a), kClasses, -40.0f);
    p.Score(a)[a < 700 ? 9 : 4] = 40;
  }
  const Found found = FindIn(p, {});
  ASSERT_FALSE(found[0].empty());
  for (const Detection& d : found[0]) {
    EXPECT_EQ(d.label, 3);
    EXPECT_EQ(d.score, 1);
  }
}

TEST(Detect, NothingButBackground) { EXPECT_TRUE(FindIn(Prediction(1), {})[0].empty()); }

TEST(Detect, NonFiniteScoresGiveNothing) {
  Prediction p(1);
  p.Put(10, 1, 0.9, {0.1f, 0.1f, 0.2f, 0.2f});
  p.Put(20, 2, 0.9, {0.1f, 0.1f, 0.2f, 0.2f});
  p.Put(30, 3, 0.8, {0.1f, 0.1f, 0.2f, 0.2f});
  p.Score(10)[5] = NAN;
  p.Score(20)[0] = INFINITY;
  const Found found = FindIn(p, {});
  ASSERT_EQ(found[0].size(), 1u);
  EXPECT_EQ(found[0][0].label, 3);
}

TEST(Detect, ResultDoesNotDependOnThreads) {
  const Prediction p = RandomPrediction(99, 4, 300);
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  const Found one = FindIn(p, {});
  omp_set_num_threads(3);
  const Found three = FindIn(p, {});
  omp_set_num_threads(before);
  for (int64_t n = 0; n < 4; ++n) {
    ASSERT_EQ(one[n].size(), three[n].size());
    for (size_t i = 0; i < one[n].size(); ++i) {
      EXPECT_EQ(one[n][i].score, three[n][i].score);
      EXPECT_EQ(one[n][i].left, three[n][i].left);
      EXPECT_EQ(one[n][i].label, three[n][i].label);
    }
  }
}

}  // namespace
}  // namespace ssd
