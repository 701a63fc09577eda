// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ssd_crop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace ssd {
namespace {

using testing::ElementsAre;
using testing::FloatNear;

constexpr CornerBox kP = {0.10f, 0.25f, 0.40f, 0.60f}, kQ = {0.50f, 0.60f, 0.70f, 0.90f};
constexpr CropWindow kWindow = {0.123f, 0.2f, 0.45f, 0.5f};

// Vector V4.
TEST(SsdCrop, PixelsOfTheWorkedWindow) {
  const PixelWindow pixels = ToPixels(kWindow, {640, 480});
  EXPECT_EQ(pixels.x0, 79);
  EXPECT_EQ(pixels.x1, 367);
  EXPECT_EQ(pixels.y0, 96);
  EXPECT_EQ(pixels.y1, 336);
  EXPECT_EQ(pixels.width(), 288);
  EXPECT_EQ(pixels.height(), 240);
}

TEST(SsdCrop, RoundsHalvesUpAndKeepsOnePixel) {
  const PixelWindow half = ToPixels({0.25f, 0.25f, 0.5f, 0.5f}, {2, 6});
  EXPECT_EQ(half.x0, 1);  // 0.5
  EXPECT_EQ(half.x1, 2);  // 1.5
  EXPECT_EQ(half.y0, 2);  // 1.5
  EXPECT_EQ(half.y1, 5);  // 4.5
  for (const float left : {0.0f, 0.3f, 0.5f, 0.7f}) {
    const PixelWindow one = ToPixels({left, left, 0.3f, 0.3f}, {1, 1});
    EXPECT_EQ(one.x0, 0);
    EXPECT_EQ(one.x1, 1);
  }
}

// Vector V4: IoU with P 0.416005, with Q 0.026287.
TEST(SsdCrop, MinimumIsTestedOnEveryBox) {
  const std::array<CornerBox, 2> both = {kP, kQ};
  const std::array<CornerBox, 1> p = {kP}, q = {kQ};
  EXPECT_TRUE(CropAccepts(kWindow, 0.0f, both));
  EXPECT_FALSE(CropAccepts(kWindow, 0.1f, both));
  EXPECT_TRUE(CropAccepts(kWindow, 0.416f, p));
  EXPECT_FALSE(CropAccepts(kWindow, 0.41602f, p));
  EXPECT_TRUE(CropAccepts(kWindow, 0.02628f, q));
  EXPECT_FALSE(CropAccepts(kWindow, 0.02629f, q));
  const std::array<CornerBox, 1> apart = {CornerBox{0.9f, 0.9f, 1.0f, 1.0f}};
  EXPECT_TRUE(CropAccepts(kWindow, 0.0f, apart));  // IoU 0 is not below 0
}

// Vector V4.
TEST(SsdCrop, KeepsBoxesByCentreAndClips) {
  const std::array<CornerBox, 2> boxes = {kQ, kP};
  const std::array<uint8_t, 2> labels = {3, 44};
  std::vector<CornerBox> kept = {{9, 9, 9, 9}};
  std::vector<int32_t> kept_labels = {9};
  CropBoxes(kWindow, boxes, labels, &kept, &kept_labels);
  EXPECT_THAT(kept_labels, ElementsAre(44));
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_THAT(kept[0], ElementsAre(0.0f, FloatNear(0.1f, 1e-6f), FloatNear(0.615556f, 1e-6f),
                                   FloatNear(0.8f, 1e-6f)));
}

TEST(SsdCrop, CentreOnTheLowEdgeIsInsideOnTheHighEdgeOutside) {
  const CropWindow window = {0.25f, 0.25f, 0.5f, 0.5f};
  const std::array<CornerBox, 3> boxes = {CornerBox{0.125f, 0.5f, 0.375f, 0.625f},
                                          CornerBox{0.625f, 0.5f, 0.875f, 0.625f},
                                          CornerBox{0.5f, 0.125f, 0.625f, 0.375f}};
  const std::array<uint8_t, 3> labels = {1, 2, 3};
  std::vector<CornerBox> kept;
  std::vector<int32_t> kept_labels;
  CropBoxes(window, boxes, labels, &kept, &kept_labels);
  EXPECT_THAT(kept_labels, ElementsAre(1, 3));
}

TEST(SsdCrop, DrawsEveryOptionAndKeepsItsPromises) {
  const std::array<CornerBox, 2> boxes = {CornerBox{0.2f, 0.2f, 0.8f, 0.8f},
                                          CornerBox{0.25f, 0.2f, 0.8f, 0.9f}};
  const std::array<uint8_t, 2> labels = {5, 6};
  std::array<int, 7> seen{};
  std::vector<CornerBox> kept;
  std::vector<int32_t> kept_labels;
  for (uint64_t id = 0; id < 4000; ++id) {
    Philox random(1, Purpose::kCrop, 1, id);
    const Crop crop = DrawCrop(random, 50, boxes, labels, &kept, &kept_labels);
    ++seen[crop.option];
    ASSERT_FALSE(kept.empty());
    ASSERT_EQ(kept.size(), kept_labels.size());
    const CropWindow& w = crop.window;
    if (crop.option == 0) {
      EXPECT_EQ(w.width, 1.0f);
      EXPECT_EQ(kept[1], boxes[1]);
      continue;
    }
    const float minimum = std::array{0.0f, 0.1f, 0.3f, 0.5f, 0.7f, 0.9f}[crop.option - 1];
    EXPECT_TRUE(CropAccepts(w, minimum, boxes));
    EXPECT_GE(w.width / w.height, 0.5f);
    EXPECT_LE(w.width / w.height, 2.0f);
    EXPECT_GE(w.width, 0.3f);
    EXPECT_GE(w.left, 0.0f);
    EXPECT_LE(w.left + w.width, 1.0f + 1e-6f);
    EXPECT_LE(w.top + w.height, 1.0f + 1e-6f);
  }
  // Equal chances (571) and a share of what 0.7 and 0.9 lose: they often fail and draw anew.
  for (int option = 0; option < 5; ++option) EXPECT_NEAR(seen[option], 720, 110) << option;
  EXPECT_LT(seen[5], 500);
  EXPECT_LT(seen[6], seen[5]);
}

TEST(SsdCrop, TheSameKeyGivesTheSameCrop) {
  const std::array<CornerBox, 1> boxes = {CornerBox{0.2f, 0.2f, 0.8f, 0.8f}};
  const std::array<uint8_t, 1> labels = {5};
  std::vector<CornerBox> kept;
  std::vector<int32_t> kept_labels;
  const auto draw = [&](uint32_t epoch) {
    Philox random(7, Purpose::kCrop, epoch, 42);
    const Crop crop = DrawCrop(random, 50, boxes, labels, &kept, &kept_labels);
    return std::array{static_cast<float>(crop.option), crop.window.left, crop.window.width};
  };
  EXPECT_EQ(draw(3), draw(3));
  int different = 0;
  for (uint32_t epoch = 4; epoch < 24; ++epoch) different += draw(epoch) != draw(3);
  EXPECT_GT(different, 15);
}

}  // namespace
}  // namespace ssd
