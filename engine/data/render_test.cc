// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/bfloat16.h"
#include "core/float16.h"
#include "data/decoded_cache.h"
#include "data/render_reference.h"

namespace ssd {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

// A crop with a stride of its own and hard edges.
struct TestCrop {
  TestCrop(int32_t width, int32_t height, uint64_t seed)
      : pixels(static_cast<size_t>(width + 3) * height * 4),
        view{pixels.data(), (width + 3) * 4, width, height} {
    Philox random(seed, Purpose::kSynthetic, 0, 0);
    for (size_t i = 0; i < pixels.size(); ++i) {
      pixels[i] = static_cast<uint8_t>((i / 40 % 3 == 0 ? 160 : 20) + random.Below(76));
    }
  }
  std::vector<uint8_t> pixels;
  PixelView view;
};

constexpr ColorJitter kColor = {0.31f, 1.37f, 0.71f, 1.09f};
// One 8-bit step of a colour, normalised.
constexpr double kStep = 1 / (0.224 * 255);

TEST(Render, EqualsPlainLoops) {
  ImageRenderer renderer;
  for (const auto& [w, h] : {std::pair{640, 480},
                             {300, 300},
                             {97, 611},
                             {1, 1},
                             {2, 300},
                             {299, 301},
                             {1900, 13},
                             {150, 601}}) {
    const TestCrop crop(w, h, 5);
    for (const bool mirror : {false, true}) {
      for (const ColorJitter* color : {static_cast<const ColorJitter*>(nullptr), &kColor}) {
        const auto want = RenderByLoops(crop.view, mirror, color);
        std::vector<float> got(300 * 300 * 3, -99);
        renderer.Render(crop.view, mirror, color, {DType::kF32, 3}, got.data());
        int64_t differing = 0;
        for (size_t i = 0; i < got.size(); ++i) {
          // Rounding to 8 bit may fall to the other side of a tie; a step of the resize can become
          // a few by saturation and contrast.
          ASSERT_NEAR(got[i], want[i], (color ? 3.1 : 1.01) * kStep)
              << w << "x" << h << " mirror " << mirror << " at " << i;
          differing += std::abs(got[i] - want[i]) > 0.01;
        }
        EXPECT_LT(static_cast<double>(differing), 0.005 * static_cast<double>(got.size()))
            << w << "x" << h;
      }
    }
  }
}

TEST(Render, WholeNumbersAreExact) {
  ImageRenderer renderer;
  const TestCrop crop(300, 300, 6);  // scale 1: every output is an input
  std::vector<float> got(300 * 300 * 3);
  renderer.Render(crop.view, false, nullptr, {DType::kF32, 3}, got.data());
  for (int i = 0; i < 300 * 300; ++i) {
    const int v = crop.view.data[i / 300 * crop.view.stride + i % 300 * 4 + 1];
    ASSERT_NEAR(got[i * 3 + 1], (v - 255 * 0.456) / (255 * 0.224), 1e-5);
  }
}

// The same pixels without the fourth byte, to the bit.
TEST(Render, ThreeBytesAreAsGoodAsFour) {
  ImageRenderer renderer;
  for (const auto& [w, h] : {std::pair{640, 480}, {97, 611}, {1, 1}, {2, 300}, {1900, 13}}) {
    const TestCrop crop(w, h, 7);
    std::vector<uint8_t> rgb(size_t{3} * w * h);
    CopyRgb(crop.view, rgb.data());
    ASSERT_EQ(rgb[size_t{3} * w * h - 1], crop.view.data[(h - 1) * crop.view.stride + w * 4 - 2]);
    for (const bool mirror : {false, true}) {
      std::vector<float> want(300 * 300 * 3), got(want);
      renderer.Render(crop.view, mirror, &kColor, {DType::kF32, 3}, want.data());
      renderer.Render({rgb.data(), 3 * w, w, h, 3}, mirror, &kColor, {DType::kF32, 3}, got.data());
      EXPECT_EQ(got, want) << w << "x" << h;
    }
  }
}

TEST(Render, FormatsAgree) {
  ImageRenderer renderer;
  const TestCrop crop(333, 222, 7);
  std::vector<float> f32(300 * 300 * 3), wide(300 * 300 * 4, 9);
  std::vector<uint16_t> bf16(300 * 300 * 3), wide_bf16(300 * 300 * 4, 9), f16(300 * 300 * 3),
      wide_f16(300 * 300 * 4, 9);
  renderer.Render(crop.view, true, &kColor, {DType::kF32, 3}, f32.data());
  renderer.Render(crop.view, true, &kColor, {DType::kF32, 4}, wide.data());
  renderer.Render(crop.view, true, &kColor, {DType::kBF16, 3}, bf16.data());
  renderer.Render(crop.view, true, &kColor, {DType::kBF16, 4}, wide_bf16.data());
  renderer.Render(crop.view, true, &kColor, {DType::kF16, 3}, f16.data());
  renderer.Render(crop.view, true, &kColor, {DType::kF16, 4}, wide_f16.data());
  for (int i = 0; i < 300 * 300; ++i) {
    for (int c = 0; c < 3; ++c) {
      const float v = f32[i * 3 + c];
      ASSERT_EQ(wide[i * 4 + c], v);
      ASSERT_EQ(bf16[i * 3 + c], bfloat16::From(v).bits);
      ASSERT_EQ(wide_bf16[i * 4 + c], bfloat16::From(v).bits);
      ASSERT_EQ(f16[i * 3 + c], float16::From(v).bits);
      ASSERT_EQ(wide_f16[i * 4 + c], float16::From(v).bits);
    }
    ASSERT_EQ(wide[i * 4 + 3], 0);
    ASSERT_EQ(wide_bf16[i * 4 + 3], 0);
    ASSERT_EQ(wide_f16[i * 4 + 3], 0);
  }
}

// The same constant in every build and on every processor: each compiles and picks other vector
// code.
TEST(Render, BytesDoNotDependOnTheProcessor) {
  ImageRenderer renderer;
  const TestCrop crop(417, 255, 8);
  std::vector<uint16_t> out(300 * 300 * 4);
  renderer.Render(crop.view, true, &kColor, {DType::kBF16, 4}, out.data());
  uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a over the values
  for (const uint16_t v : out) hash = (hash ^ v) * 0x100000001b3u;
  EXPECT_EQ(hash, 16074050654810750848u);
}

// Vector V5.
TEST(Augment, MatrixOfTheWorkedColor) {
  const auto m = HueSaturationMatrix(0.5, 1.5);
  const double want[9] = {1.347966,  -0.297374, -0.050110, -0.144630, 1.205881,
                          -0.060677, -0.167367, -0.281868, 1.445010};
  for (int i = 0; i < 9; ++i) EXPECT_NEAR(m[i], want[i], 1e-6);
  const auto apply = [](const std::array<double, 9>& a) {
    std::array<double, 3> v;
    for (int c = 0; c < 3; ++c) v[c] = a[c * 3] * 200 + a[c * 3 + 1] * 100 + a[c * 3 + 2] * 50;
    return v;
  };
  EXPECT_THAT(apply(m), ElementsAre(DoubleNear(237.3503, 1e-4), DoubleNear(88.6283, 1e-4),
                                    DoubleNear(10.5902, 1e-4)));
  EXPECT_THAT(apply(HueSaturationMatrix(0, 1)),
              ElementsAre(DoubleNear(200.00145, 1e-5), DoubleNear(100.06985, 1e-5),
                          DoubleNear(49.637, 1e-5)));
}

// Vector V5: (200, 100, 50) becomes (237, 89, 11), then (233, 73, 0), normalised.
TEST(Render, WorkedColor) {
  const uint8_t pixel[4] = {200, 100, 50, 77};
  const PixelView view{pixel, 4, 1, 1};
  const ColorJitter color{0.5f, 1.5f, 1.2f, 0.9f};
  ImageRenderer renderer;
  std::vector<float> out(300 * 300 * 3);
  renderer.Render(view, false, &color, {DType::kF32, 3}, out.data());
  for (const int i : {0, 299, 300 * 300 - 1}) {
    EXPECT_NEAR(out[i * 3], 1.872164, 1e-5);
    EXPECT_NEAR(out[i * 3 + 1], -0.757703, 1e-5);
    EXPECT_NEAR(out[i * 3 + 2], -1.804444, 1e-5);
  }
}

TEST(Augment, DrawsTheRangesOfTheSpec) {
  double low[4] = {9, 9, 9, 9}, high[4] = {-9, -9, -9, -9}, sum[4] = {};
  for (uint64_t id = 0; id < 4000; ++id) {
    Philox random(1, Purpose::kColor, 1, id);
    const ColorJitter c = DrawColor(random);
    const double v[4] = {c.hue, c.saturation, c.contrast, c.brightness};
    for (int i = 0; i < 4; ++i) {
      low[i] = std::min(low[i], v[i]);
      high[i] = std::max(high[i], v[i]);
      sum[i] += v[i] / 4000;
    }
  }
  const double from[4] = {-0.5, 0.5, 0.5, 0.875}, to[4] = {0.5, 1.5, 1.5, 1.125};
  for (int i = 0; i < 4; ++i) {
    const double range = to[i] - from[i];
    EXPECT_GE(low[i], from[i]);
    EXPECT_LT(low[i], from[i] + 0.01 * range);
    EXPECT_LT(high[i], to[i]);
    EXPECT_GT(high[i], to[i] - 0.01 * range);
    EXPECT_NEAR(sum[i], (from[i] + to[i]) / 2, 0.02 * range);
  }
}

// Vector V4.
TEST(Augment, MirrorsBoxes) {
  std::array<CornerBox, 1> boxes = {CornerBox{0, 0.1f, 0.615556f, 0.8f}};
  MirrorBoxes(boxes);
  EXPECT_NEAR(boxes[0][0], 0.384444f, 1e-6);
  EXPECT_EQ(boxes[0][1], 0.1f);
  EXPECT_EQ(boxes[0][2], 1.0f);
  EXPECT_EQ(boxes[0][3], 0.8f);
}

}  // namespace
}  // namespace ssd
