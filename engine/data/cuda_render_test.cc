// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// The CUDA renderer's source on the emulator against the oracle of ImageRenderer.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "backends/backend.h"
#include "backends/cuda/render.h"
#include "core/philox.h"
#include "data/render.h"
#include "data/render_reference.h"
#include "testing/emulator/device_vector.h"

namespace ssd {
namespace {

using testing::DeviceVector;

constexpr ColorJitter kColor = {0.31f, 1.37f, 0.71f, 1.09f};
// One 8-bit step of a colour, normalised.
constexpr double kStep = 1 / (0.224 * 255);
constexpr PixelScale kNormal = {{kPixelMean[0], kPixelMean[1], kPixelMean[2]},
                                {kPixelScale[0], kPixelScale[1], kPixelScale[2]}};

// A crop with a stride of its own and hard edges, as RGBX for the oracle and as RGB.
struct TestCrop {
  TestCrop(int32_t width, int32_t height, uint64_t seed)
      : rgbx(static_cast<size_t>(width + 3) * height * 4),
        view{rgbx.data(), (width + 3) * 4, width, height} {
    Philox random(seed, Purpose::kSynthetic, 0, 0);
    for (size_t i = 0; i < rgbx.size(); ++i)
      rgbx[i] = static_cast<uint8_t>((i / 40 % 3 == 0 ? 160 : 20) + random.Below(76));
  }
  std::vector<uint8_t> Bytes(int32_t pixel_bytes) const {
    std::vector<uint8_t> bytes;
    for (size_t i = 0; i < rgbx.size(); ++i) {
      if (i % 4 < static_cast<size_t>(pixel_bytes)) bytes.push_back(rgbx[i]);
    }
    return bytes;
  }
  std::vector<uint8_t> rgbx;
  PixelView view;
};

RenderTask TaskOf(const PixelView& view, const uint8_t* pixels, int32_t pixel_bytes, bool mirror,
                  const ColorJitter* color) {
  RenderTask task{pixels,      static_cast<int32_t>(view.stride) / 4 * pixel_bytes,
                  pixel_bytes, view.width,
                  view.height, mirror,
                  false,       {},
                  1,           0};
  if (color == nullptr) return task;
  const auto matrix = HueSaturationMatrix(color->hue, color->saturation);
  for (int i = 0; i < 9; ++i) task.matrix[i] = static_cast<float>(matrix[i]);
  task.jitter = true;
  task.contrast = color->brightness * color->contrast;
  task.shift = color->brightness * (128 - 128 * color->contrast);
  return task;
}

std::vector<__half> Render(const std::vector<RenderTask>& tasks) {
  const DeviceVector<RenderTask> device(tasks);
  const DeviceVector<__half> out(
      std::vector<__half>(tasks.size() * 300 * 300 * 4, __float2half_rn(NAN)));
  RenderBatch({}, device.data(), static_cast<int64_t>(tasks.size()), kImageSide, kNormal,
              out.data());
  return out.Fetch();
}

struct Difference {
  double worst = 0;      // in 8-bit steps
  double differing = 0;  // share of values
  bool padding_is_zero = true;
};
// f16 rounds values of up to 2.7 by up to 2^-10: a small part of a step.
Difference Compare(const __half* got, const std::vector<double>& want) {
  Difference d;
  for (size_t i = 0; i < want.size() / 3; ++i) {
    for (size_t c = 0; c < 3; ++c) {
      const double error = std::abs(__half2float(got[i * 4 + c]) - want[i * 3 + c]) / kStep;
      d.worst = error <= d.worst ? d.worst : error;  // NaN counts
      d.differing += error > 0.5 ? 1 / static_cast<double>(want.size()) : 0;
    }
    d.padding_is_zero = d.padding_is_zero && __half2float(got[i * 4 + 3]) == 0;
  }
  return d;
}

TEST(CudaRender, EqualsPlainLoops) {
  int n = 0;
  for (const auto& [w, h] :
       {std::pair{640, 480}, {300, 300}, {97, 611}, {1, 1}, {2, 300}, {299, 301}, {1900, 13}}) {
    const TestCrop crop(w, h, 5);
    const DeviceVector<uint8_t> rgb(crop.Bytes(3)), rgbx(crop.Bytes(4));
    emulator::SetOrder(testing::kOrders[n++ % 2]);
    const auto got = Render({TaskOf(crop.view, rgb.data(), 3, n % 3 == 0, nullptr),
                             TaskOf(crop.view, rgbx.data(), 4, n % 3 != 0, &kColor)});
    const Difference plain = Compare(got.data(), RenderByLoops(crop.view, n % 3 == 0, nullptr));
    const Difference jittered =
        Compare(&got[300 * 300 * 4], RenderByLoops(crop.view, n % 3 != 0, &kColor));
    // Rounding to 8 bit may fall to the other side of a tie; a step of the resize can become a few
    // by saturation and contrast.
    EXPECT_LT(plain.worst, 1.1) << w << "x" << h;
    EXPECT_LT(jittered.worst, 3.2) << w << "x" << h;
    EXPECT_LT(plain.differing, 0.002) << w << "x" << h;
    EXPECT_LT(jittered.differing, 0.005) << w << "x" << h;
    EXPECT_TRUE(plain.padding_is_zero && jittered.padding_is_zero);
  }
}

TEST(CudaRender, DoesNotDependOnTheOrder) {
  const TestCrop crop(417, 255, 8);
  const DeviceVector<uint8_t> rgb(crop.Bytes(3));
  const RenderTask task = TaskOf(crop.view, rgb.data(), 3, true, &kColor);
  emulator::SetOrder(testing::kOrders[0]);
  const auto a = Render({task});
  emulator::SetOrder(testing::kOrders[1]);
  const auto b = Render({task});
  EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size() * sizeof(__half)), 0);
}

TEST(CudaRender, NoPixelsAreZero) {
  const DeviceVector<uint8_t> pixel({200, 100, 50});
  const RenderTask none{};
  emulator::SetOrder(testing::kOrders[1]);
  const auto out =
      Render({none, TaskOf({pixel.data(), 4, 1, 1}, pixel.data(), 3, false, nullptr), none});
  constexpr size_t kImage = size_t{4} * kImageSide * kImageSide;
  const auto zero = [](__half v) { return __half2float(v) == 0; };
  EXPECT_TRUE(std::all_of(out.begin(), out.begin() + kImage, zero));
  EXPECT_FALSE(zero(out[kImage]));
  EXPECT_TRUE(std::all_of(out.begin() + 2 * kImage, out.end(), zero));
}

// The check itself: a crop one column too narrow must not pass.
TEST(CudaRender, AWrongShapeIsFound) {
  const TestCrop crop(64, 48, 9);
  const DeviceVector<uint8_t> rgb(crop.Bytes(3));
  RenderTask task = TaskOf(crop.view, rgb.data(), 3, false, nullptr);
  --task.width;
  emulator::SetOrder({});
  EXPECT_GT(Compare(Render({task}).data(), RenderByLoops(crop.view, false, nullptr)).worst, 3);
}

// Vector V5: (200, 100, 50) becomes (237, 89, 11), then (233, 73, 0), normalised.
TEST(CudaRender, WorkedColor) {
  const DeviceVector<uint8_t> pixel({200, 100, 50, 77});
  const ColorJitter color{0.5f, 1.5f, 1.2f, 0.9f};
  emulator::SetOrder({});
  const auto out = Render({TaskOf({pixel.data(), 4, 1, 1}, pixel.data(), 4, false, &color)});
  for (const int i : {0, 299, 300 * 300 - 1}) {
    EXPECT_NEAR(__half2float(out[i * 4]), 1.872164, 1e-3);
    EXPECT_NEAR(__half2float(out[i * 4 + 1]), -0.757703, 5e-4);
    EXPECT_NEAR(__half2float(out[i * 4 + 2]), -1.804444, 1e-3);
  }
}

}  // namespace
}  // namespace ssd
