// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/detect.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>
#include <vector>

#include "backends/cuda/head_maps.h"
#include "core/error.h"
#include "core/philox.h"
#include "testing/detect_reference.h"
#include "testing/emulator/device_vector.h"

namespace ssd {
namespace {

using testing::DetectPlainly;
using testing::DeviceVector;
using testing::Prediction;

using Found = std::vector<std::vector<Detection>>;

// The op on head maps whose padding is NaN.
Found FindIn(const Prediction& p, DetectDesc desc) {
  desc.batch = p.batch;
  desc.default_boxes = testing::DetectDefaultBoxes();
  std::vector<float> host[kMaps];
  HeadMaps<float> maps;
  for (int64_t k = 0; k < kMaps; ++k) {
    const int64_t cells = kMapSize[k] * kMapSize[k];
    host[k].assign(p.batch * cells * CudaHeadChannels(kMapShapes[k]), NAN);
    maps.map[k] = host[k].data();
  }
  for (int64_t i = 0; i < p.batch * kDefaultBoxes; ++i) {
    const auto at = PlaceOf(maps, i / kDefaultBoxes, static_cast<int32_t>(i % kDefaultBoxes));
    std::copy_n(&p.score[i * kClasses], kClasses, at.score);
    std::copy_n(p.Offset(i), 4, at.offset);
  }
  std::optional<DeviceVector<float>> device[kMaps];
  std::array<const float*, kMaps> pointers;
  for (int64_t k = 0; k < kMaps; ++k) pointers[k] = device[k].emplace(host[k]).data();

  const auto op = MakeCudaDetect({}, desc);
  const DeviceVector<uint64_t> scratch(
      std::vector<uint64_t>(op->scratch() / sizeof(uint64_t) + 1, 0x9999999999999999u));
  std::vector<Detection> out(p.batch * desc.candidates);
  std::vector<int32_t> count(p.batch, -1);
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

constexpr double kScoreError = 1e-6, kBoxError = 4e-6;  // relative to 1 and to the box's extent

void ExpectEqual(const std::vector<Detection>& got, const std::vector<Detection>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    const double extent = std::max({1.0f, std::abs(want[i].left), std::abs(want[i].top),
                                    std::abs(want[i].right), std::abs(want[i].bottom)});
    ASSERT_EQ(got[i].label, want[i].label) << i;
    ASSERT_NEAR(got[i].score, want[i].score, kScoreError) << i;
    ASSERT_NEAR(got[i].left, want[i].left, kBoxError * extent) << i;
    ASSERT_NEAR(got[i].top, want[i].top, kBoxError * extent) << i;
    ASSERT_NEAR(got[i].right, want[i].right, kBoxError * extent) << i;
    ASSERT_NEAR(got[i].bottom, want[i].bottom, kBoxError * extent) << i;
  }
}

TEST(CudaDetect, EqualsThePlainVersion) {
  int64_t clear_images = 0, detections = 0;
  for (uint64_t round = 0; round < 6; ++round) {
    emulator::SetOrder(testing::kOrders[round % 2]);
    const Prediction p = RandomPrediction(round, 2, round % 3 == 0 ? 20 : 400);
    DetectDesc desc{};
    desc.candidates = round % 4 == 1 ? 17 : 200;
    const Found found = FindIn(p, desc);
    for (int64_t n = 0; n < 2; ++n) {
      bool clear = true;
      const auto want = DetectPlainly(p, n, desc, &clear);
      if (!clear) continue;
      ++clear_images;
      detections += static_cast<int64_t>(want.size());
      ExpectEqual(found[n], want);
    }
  }
  EXPECT_GE(clear_images, 6);
  EXPECT_GE(detections, 300);
}

TEST(CudaDetect, ResultDoesNotDependOnTheOrder) {
  const Prediction p = RandomPrediction(99, 1, 300);
  emulator::SetOrder(testing::kOrders[0]);
  const Found a = FindIn(p, {});
  emulator::SetOrder(testing::kOrders[1]);
  const Found b = FindIn(p, {});
  ASSERT_EQ(a[0].size(), b[0].size());
  EXPECT_EQ(std::memcmp(a[0].data(), b[0].data(), a[0].size() * sizeof(Detection)), 0);
}

// Far more candidates than are kept: every default box, with up to 19 classes each.
TEST(CudaDetect, KeepsTheBestOfManyCandidates) {
  Prediction p(1);
  for (int64_t a = 0; a < kDefaultBoxes; ++a) {
    for (int c = 0; c < kClasses; ++c) p.Score(a)[c] = c >= 1 && c <= 18 ? 0 : -30;
  }
  for (int n = 0; n < 40; ++n) p.Score(n * 217)[1 + n] = 1 + 0.125f * static_cast<float>(n);
  emulator::SetOrder(testing::kOrders[1]);
  bool clear = true;
  const auto want = DetectPlainly(p, 0, {}, &clear);
  ASSERT_TRUE(clear);
  ExpectEqual(FindIn(p, {})[0], want);
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
  for (size_t i = 0; i < all.size(); ++i)
    p.Put(8600 + 5 * static_cast<int64_t>(i), all[i].label, all[i].score, all[i].box);
  DetectDesc desc{};
  desc.candidates = candidates;
  std::string names;
  const Found found = FindIn(p, desc);
  for (const Detection& d : found[0]) {
    const auto it = std::find_if(all.begin(), all.end(), [&](const Named& n) {
      return n.label == d.label && std::abs(n.score - d.score) < 1e-5;
    });
    names += it == all.end() ? '?' : it->name;
  }
  return names;
}

TEST(CudaDetect, SuppressesWithinAClass) {
  emulator::SetOrder(testing::kOrders[1]);
  EXPECT_EQ(Names(0.299f, 200), "ACDEG");
  EXPECT_EQ(Names(0.301f, 200), "ACDG");
  EXPECT_EQ(Names(0.299f, 3), "AC");
}

// V7.
TEST(CudaDetect, DecodesBoxes) {
  Prediction p(1);
  const float offsets[2][4] = {{1.0f, -2.0f, 0.5f, -0.5f}, {-8, 0, 5, 0}};
  const int64_t at[2] = {8207, 8692};
  const double want[2][4] = {{0.294330, 0.212349, 0.747719, 0.583553},
                             {-1.323141, -0.178333, 0.552474, 0.511667}};
  for (int i = 0; i < 2; ++i) {
    p.Put(at[i], i, i == 0 ? 0.9 : 0.8, {0.1f, 0.1f, 0.2f, 0.2f});
    std::copy_n(offsets[i], 4, &p.offset[at[i] * 4]);
  }
  emulator::SetOrder({});
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

TEST(CudaDetect, BackgroundAndNonFiniteScoresGiveNothing) {
  Prediction p(2);
  p.Put(10, 1, 0.9, {0.1f, 0.1f, 0.2f, 0.2f});
  p.Put(20, 2, 0.9, {0.1f, 0.1f, 0.2f, 0.2f});
  p.Put(30, 3, 0.8, {0.1f, 0.1f, 0.2f, 0.2f});
  p.Score(10)[5] = NAN;
  p.Score(20)[0] = INFINITY;
  emulator::SetOrder({});
  const Found found = FindIn(p, {});
  ASSERT_EQ(found[0].size(), 1u);
  EXPECT_EQ(found[0][0].label, 3);
  EXPECT_TRUE(found[1].empty());
}

TEST(CudaDetect, RefusesMoreCandidatesThanItsMemoryHolds) {
  try {
    MakeCudaDetect(
        {}, {.batch = 1, .candidates = 1025, .default_boxes = testing::DetectDefaultBoxes()});
    FAIL() << "accepted";
  } catch (const Error& e) {
    EXPECT_EQ(e.status(), Status::kInvalid);
  }
}

}  // namespace
}  // namespace ssd
