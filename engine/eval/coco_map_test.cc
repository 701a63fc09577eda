// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "eval/coco_map.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <vector>

#include "core/philox.h"
#include "eval/coco_curve.h"
#include "eval/coco_plain.h"
#include "testing/error_of.h"

namespace ssd {
namespace {

using Stats = std::array<double, 12>;

CocoTruth Truth(std::vector<int64_t> images, const std::vector<int64_t>& categories,
                std::vector<CocoObject> objects) {
  CocoTruth truth;
  truth.image_ids = std::move(images);
  for (const int64_t id : categories) truth.categories.push_back({id, std::to_string(id)});
  truth.objects = std::move(objects);
  return truth;
}

// V11.
CocoTruth VectorTruth() {
  return Truth({1, 2}, {1, 3, 5},
               {{1, 1, 11, 10, 10, 40, 40, 1, false},
                {1, 1, 12, 60, 60, 20, 20, 1, false},
                {2, 1, 13, 0, 0, 50, 50, 1, false},
                {2, 1, 14, 50, 50, 50, 50, 1, true},
                {2, 3, 15, 20, 20, 10, 10, 1, false}});
}
std::vector<CocoDetection> VectorDetections() {
  return {{1, 1, 12, 10, 40, 40, .9}, {1, 1, 60, 60, 20, 10, .8}, {1, 1, 10, 10, 40, 40, .7},
          {2, 1, 5, 0, 50, 50, .6},   {2, 1, 60, 60, 20, 20, .5}, {2, 1, 80, 0, 10, 10, .4},
          {2, 3, 20, 20, 10, 10, .3}};
}

TEST(CocoMap, WorkedExample) {
  const CocoScore score = ScoreCoco(VectorTruth(), VectorDetections(), 1);
  EXPECT_NEAR(score.stats[0], 0.7350660066, 1e-10);
  EXPECT_NEAR(score.category_ap50[0], 0.915842, 1e-6);
  EXPECT_NEAR(score.category_ap[1], 1, 1e-12);
  EXPECT_EQ(score.category_ap[2], -1);
  EXPECT_EQ(score.category_objects, (std::vector<int64_t>{3, 1, 0}));
  EXPECT_EQ(score.stats[5], -1);  // no large object
}

// V11, by threshold, on the oracle.
TEST(CocoMap, WorkedExampleByThreshold) {
  const PlainScore score = ScorePlainly(VectorTruth(), VectorDetections());
  const double want[10] = {0.915842, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.336634, 0.336634, 0.112211};
  for (int t = 0; t < 10; ++t) {
    EXPECT_NEAR(score.category_ap[0][t], want[t], 1e-6) << t;
    EXPECT_NEAR(score.category_ap[1][t], 1, 1e-12) << t;
    EXPECT_EQ(score.category_ap[2][t], -1) << t;
  }
}

void ExpectExactly(const CocoScore& score, const Stats& want) {
  for (int i = 0; i < 12; ++i) EXPECT_EQ(score.stats[i], want[i]) << "number " << i;
}

// The next two: what pycocotools 2.0 answers, to the last digit. An object of id 0 can be matched
// but does not count; areas on the borders of the ranges; equal scores of either zero.
TEST(CocoMap, EqualsPycocotoolsWithIdZeroAndTies) {
  const CocoTruth truth = Truth({8, 13, 14, 29, 35, 37, 39, 45}, {36, 50, 84, 89},
                                {{45, 36, 3, 149.0, 79.0, 7.0, 17.0, 9216.0, false},
                                 {8, 36, 2, 68.0, 87.0, 18.0, 14.0, 1024.0, false},
                                 {8, 50, 4, 113.0, 95.0, 14.0, 1.0, 0.0, false},
                                 {29, 84, 1, 184.0, 133.0, 8.0, 40.0, 320.0, false},
                                 {35, 89, 0, 162.0, 18.0, 12.0, 19.0, 1024.0, true}});
  const std::vector<CocoDetection> detections = {
      {35, 89, 162.0, 18.0, 12.0, 11.4, 1.0},    {45, 36, 148.62, 77.91, 7.36, 18.15, -0.0},
      {35, 36, 71.0, 10.0, 158.0, 109.0, 0.0},   {8, 84, 81.0, 47.0, 128.0, 54.0, 0.0},
      {8, 89, 19.0, 127.0, 41.0, 41.0, 0.0},     {29, 84, 184.0, 133.0, 8.0, 40.0, 0.0},
      {35, 89, 162.0, 18.0, 12.0, 14.25, -0.5},  {14, 50, 4.0, 118.0, 17.0, 17.0, 5.0},
      {45, 36, 147.94, 78.75, 8.09, 20.75, 5.0}, {8, 50, 113.0, 95.0, 14.0, 0.75, 1.0}};
  ExpectExactly(ScoreCoco(truth, detections, 1),
                {0.36765676567656763, 0.5016501650165016, 0.38943894389438943, 0.43333333333333324,
                 0.4039603960396039, 0.65, 0.6166666666666667, 0.6666666666666666,
                 0.6666666666666666, 0.5333333333333333, 0.4, 0.8});
}

// Two objects of id 3: both stand for the last one. A detection of an unlisted category is left
// out.
TEST(CocoMap, EqualsPycocotoolsWithRepeatedIds) {
  constexpr int64_t kImage = 1099511627814;
  const CocoTruth truth = Truth({kImage}, {85},
                                {{kImage, 85, 3, 167.73, 42.1, 10.24, 11.61, 9216.0, false},
                                 {kImage, 85, 4, 46.8, 172.65, 29.28, 18.1, 529.92, false},
                                 {kImage, 85, 1, 167.73, 42.1, 10.24, 11.61, 9216.0, true},
                                 {kImage, 85, 7, 167.73, 42.1, 10.24, 11.61, 1024.0, false},
                                 {kImage, 85, 3, 149.9, 179.71, 11.63, 18.4, 9216.0, false}});
  const std::vector<CocoDetection> detections = {
      {kImage, 85, 169.21, 42.42, 9.52, 11.04, 0.0914},
      {kImage, 85, 132.07, 134.68, -5.0, -7.0, 0.6258},
      {kImage, 85, 150.1, 179.53, 11.75, 18.08, 0.0153},
      {kImage, 85, 167.82, 41.94, 10.27, 11.52, 0.7476},
      {kImage, 85, 7.93, 140.52, 104.52, 7.29, 0.5715},
      {kImage, 85, 149.2, 178.68, 11.42, 19.45, 0.8982},
      {kImage, 85, 49.74, 22.71, 55.59, 55.64, 0.0617},
      {kImage, 85, 153.81, 63.71, 34.58, 41.65, 0.093},
      {kImage, 77777, 147.89, 75.74, 101.3, 66.61, 0.8565},
      {kImage, 85, 167.73, 42.1, 10.24, 6.96, 0.5896}};
  const CocoScore score = ScoreCoco(truth, detections, 2);
  ExpectExactly(score, {0.4676096181046676, 0.611032531824611, 0.611032531824611,
                        0.4039603960396039, 0.7057425742574257, 0.800990099009901, 0.175, 0.625,
                        0.625, 0.45, 0.8333333333333333, 0.8});
  EXPECT_EQ(score.unknown_categories, 1);
}

// Real objects with three moved copies each as detections; the numbers are pycocotools'.
TEST(CocoMap, EqualsPycocotoolsOnRealObjects) {
  const std::string path =
      std::string(SSD_SHARED_DIR) + "/tiny-coco2017/annotations/instances_val2017.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const CocoTruth truth = CocoTruth::Load(path);
  ASSERT_EQ(truth.objects.size(), 382u);
  std::vector<CocoDetection> detections;
  for (int i = 0; i < 382; ++i) {
    const CocoObject& g = truth.objects[i];
    for (int n = 0; n < 3; ++n) {
      const double s = ((i * 7 + n * 3) % 9 - 4) * 0.03;
      detections.push_back({g.image_id, g.category_id, g.x + s * g.w, g.y - s * g.h, g.w * (1 + s),
                            g.h, (i * 37 + n * 11) % 101 / 128.0});
    }
  }
  ExpectExactly(ScoreCoco(truth, detections, 2),
                {0.5405714836290763, 0.8357129877565194, 0.5513031665314755, 0.6288308949112071,
                 0.6490906746858756, 0.5116134366037601, 0.33846815665642277, 0.7972636845065851,
                 0.8640450231602725, 0.8561222753854334, 0.8819975490196079, 0.8525313829235398});
}

struct Case {
  CocoTruth truth;
  std::vector<CocoDetection> detections;
};

// Few images and categories, many overlaps, crowds, equal boxes, equal scores, areas on the
// borders.
Case RandomCase(uint64_t round) {
  Philox random(41, Purpose::kSynthetic, 0, round);
  Case c;
  const int64_t images = 1 + random.Below(5), categories = 1 + random.Below(3);
  std::vector<int64_t> image_ids, category_ids;
  for (int64_t i = 0; i < images; ++i)
    image_ids.push_back(i * 1000003 * (round % 2 ? 1 : 1000) - 7);
  for (int64_t k = 0; k < categories; ++k) category_ids.push_back(3 * k + 1);
  const bool coarse = round % 3 == 0;
  const auto number = [&](float lo, float hi) {
    const double v = random.Uniform(lo, hi);
    return coarse ? std::floor(v / 10) * 10 : v;
  };
  std::vector<CocoObject> objects;
  const uint32_t count = random.Below(30);
  for (uint32_t i = 0; i < count; ++i) {
    CocoObject g = {image_ids[random.Below(images)],
                    category_ids[random.Below(categories)],
                    static_cast<int64_t>(i + round % 2),
                    number(0, 100),
                    number(0, 100),
                    number(10, 130),
                    number(10, 130),
                    0,
                    random.Below(7) == 0};
    const double areas[4] = {g.w * g.h, 1024, 9216, 0.7 * g.w * g.h};
    g.area = areas[random.Below(4)];
    objects.push_back(g);
  }
  const uint32_t detections = round % 5 == 0 ? 400 : random.Below(60);
  for (uint32_t i = 0; i < detections; ++i) {
    CocoDetection d = {image_ids[random.Below(images)],
                       category_ids[random.Below(categories)],
                       number(0, 100),
                       number(0, 100),
                       number(0, 130),
                       number(0, 130),
                       coarse ? random.Below(6) / 5.0 : random.Uniform()};
    if (!objects.empty() && random.Below(3) > 0) {
      const CocoObject& g = objects[random.Below(count)];
      const double move = random.Below(3) == 0 ? 0 : random.Uniform(-0.2f, 0.2f);
      d = {g.image_id, g.category_id, g.x + move * g.w, g.y, g.w, g.h * (1 - move), d.score};
    }
    c.detections.push_back(d);
  }
  c.truth = Truth(image_ids, category_ids, objects);
  return c;
}

TEST(CocoMap, EqualsThePlainVersion) {
  int interesting = 0;
  for (uint64_t round = 0; round < 400; ++round) {
    const Case c = RandomCase(round);
    const CocoScore score = ScoreCoco(c.truth, c.detections, 1);
    const PlainScore want = ScorePlainly(c.truth, c.detections);
    for (int i = 0; i < 12; ++i) {
      ASSERT_NEAR(score.stats[i], want.stats[i], 1e-13) << "round " << round << " number " << i;
      interesting += want.stats[i] > 0 && want.stats[i] < 1;
    }
  }
  EXPECT_GT(interesting, 1000);
}

TEST(CocoMap, ResultDoesNotDependOnThreads) {
  Case c = RandomCase(10);
  const size_t n = c.detections.size();
  for (int copy = 0; copy < 150; ++copy) {  // more than one task's worth
    for (size_t i = 0; i < n; ++i) {
      CocoDetection d = c.detections[i];
      d.score = d.score * 0.5 + copy * 0.001;
      c.detections.push_back(d);
    }
  }
  const CocoScore one = ScoreCoco(c.truth, c.detections, 1);
  ASSERT_GT(one.stats[0], 0);
  for (const int threads : {2, 3, 8, 0}) {
    ExpectExactly(ScoreCoco(c.truth, c.detections, threads), one.stats);
  }
}

TEST(CocoMap, NoDetectionsGiveZero) {
  const CocoScore score = ScoreCoco(VectorTruth(), {}, 2);
  EXPECT_EQ(score.stats[0], 0);
  EXPECT_EQ(score.stats[8], 0);
  EXPECT_EQ(score.stats[5], -1);
  EXPECT_EQ(score.category_ap, (std::vector<double>{0, 0, -1}));
}

TEST(CocoMap, EmptyTruthIsUndefined) {
  for (const double stat : ScoreCoco(Truth({}, {}, {}), {}, 1).stats) EXPECT_EQ(stat, -1);
  const std::vector<CocoDetection> one = {{1, 1, 0, 0, 5, 5, 0.5}};
  for (const double stat : ScoreCoco(Truth({1}, {1}, {}), one, 1).stats) EXPECT_EQ(stat, -1);
}

void ExpectRefused(const CocoDetection& bad, const std::string& text) {
  auto detections = VectorDetections();
  detections[4] = bad;
  const std::string error =
      ErrorOf(Status::kData, [&] { ScoreCoco(VectorTruth(), detections, 2); });
  EXPECT_NE(error.find("entry 4: " + text), std::string::npos) << error;
}

TEST(CocoMap, RefusesUnknownImagesAndWildNumbers) {
  ExpectRefused({77, 1, 0, 0, 5, 5, 0.5}, "image 77 is not in the ground truth");
  ExpectRefused({1, 1, 0, 0, 5, 5, NAN}, "a value is not finite");
  ExpectRefused({1, 1, 0, 0, INFINITY, 5, 0.5}, "a value is not finite");
}

TEST(CocoMap, LeavesOutObjectsOutsideTheLists) {
  CocoTruth truth = VectorTruth();
  truth.objects.push_back({99, 1, 20, 0, 0, 9, 9, 81, false});
  truth.objects.push_back({1, 99, 21, 0, 0, 9, 9, 81, false});
  EXPECT_EQ(ScoreCoco(truth, VectorDetections(), 1).category_objects,
            (std::vector<int64_t>{3, 1, 0}));
}

// Sums of eight, of 128 and of halves: exact for integers, and the order shows in the last digit.
TEST(CocoMean, SumsPairwise) {
  EXPECT_EQ(coco::Mean({}), -1);
  for (const int n : {1, 7, 8, 9, 127, 128, 129, 300, 1000, 80800}) {
    std::vector<double> v(n);
    for (int i = 0; i < n; ++i) v[i] = i;
    EXPECT_EQ(coco::Mean(v), (n - 1) / 2.0) << n;
  }
  std::vector<double> v(1010);
  for (int i = 0; i < 1010; ++i) v[i] = 1.0 / (i + 1);
  EXPECT_EQ(coco::Mean(v), 0.007421204200545009);  // NumPy's; summed in order it ends in 007
}

}  // namespace
}  // namespace ssd
