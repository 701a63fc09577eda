// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// The CUDA encoder's source on the emulator against the CPU's.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <vector>

#include "backends/backend.h"
#include "backends/cuda/matcher.h"
#include "core/philox.h"
#include "loss/matcher.h"
#include "testing/emulator/device_vector.h"

namespace ssd {
namespace {

using testing::DeviceVector;

struct Image {
  std::vector<CornerBox> boxes;
  std::vector<int32_t> labels;
};
using Images = std::vector<Image>;

struct Targets {
  std::vector<int32_t> label;
  std::vector<float> offset;
};

Targets OnHost(const Images& images) {
  Targets all;
  std::vector<int32_t> label(kDefaultBoxes);
  std::vector<float> offset(kDefaultBoxes * 4);
  for (const Image& image : images) {
    EncodeTargets(image.boxes, image.labels, label, offset);
    all.label.insert(all.label.end(), label.begin(), label.end());
    all.offset.insert(all.offset.end(), offset.begin(), offset.end());
  }
  return all;
}

DeviceVector<float4> Table(std::span<const std::array<float, 4>> boxes) {
  std::vector<float4> table;
  for (const auto& [x, y, z, w] : boxes) table.push_back({x, y, z, w});
  return DeviceVector<float4>(std::move(table));
}

Targets OnDevice(const Images& images) {
  const auto batch = static_cast<int64_t>(images.size());
  std::vector<int32_t> first{0};
  std::vector<TargetBox> boxes;
  for (const Image& image : images) {
    for (size_t k = 0; k < image.boxes.size(); ++k) {
      const CornerBox& b = image.boxes[k];
      boxes.push_back({b[0], b[1], b[2], b[3], image.labels[k], -77});
    }
    first.push_back(static_cast<int32_t>(boxes.size()));
  }
  const auto count = static_cast<int64_t>(boxes.size());
  const auto centers = Table(DefaultBoxes()), corners = Table(DefaultBoxCorners());
  const DeviceVector<TargetBox> device_boxes(std::move(boxes));
  const DeviceVector<int32_t> device_first(std::move(first));
  const DeviceVector<int32_t> label(std::vector<int32_t>(batch * kDefaultBoxes, -77));
  const DeviceVector<float4> offset(
      std::vector<float4>(batch * kDefaultBoxes, {NAN, NAN, NAN, NAN}));
  EncodeBatch({},
              {.centers = centers.data(),
               .corners = corners.data(),
               .boxes = device_boxes.data(),
               .first = device_first.data(),
               .label = label.data(),
               .offset = offset.data()},
              batch, count);
  const auto offsets = offset.Fetch();
  const auto* values = reinterpret_cast<const float*>(offsets.data());
  return {label.Fetch(), {values, values + offsets.size() * 4}};
}

void ExpectSame(const Images& images) {
  const Targets want = OnHost(images);
  for (const auto& order : testing::kOrders) {
    emulator::SetOrder(order);
    const Targets got = OnDevice(images);
    ASSERT_EQ(got.label, want.label);
    ASSERT_EQ(got.offset, want.offset);
  }
}

Image Labelled(std::vector<CornerBox> boxes) {
  Image image{std::move(boxes), {}};
  for (size_t k = 0; k < image.boxes.size(); ++k)
    image.labels.push_back(1 + static_cast<int32_t>(k % 80));
  return image;
}

// Coordinates on a coarse grid make ties of IoU frequent.
Image RandomImage(uint64_t id, size_t count, bool coarse) {
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

TEST(CudaMatcher, EqualsTheHostsToTheBit) {
  for (uint64_t round = 0; round < 6; ++round)
    ExpectSame({RandomImage(3 * round, 7, round % 2 == 0), RandomImage(3 * round + 1, 1, true),
                RandomImage(3 * round + 2, 12, round % 2 != 0)});
}

TEST(CudaMatcher, TiesOfIou) {
  // The default boxes themselves, several of them at once, and boxes between two of the same IoU.
  const auto corners = DefaultBoxCorners();
  ExpectSame({Labelled({corners[0], corners[1], corners[8206], corners[8731], corners[8212]}),
              Labelled({corners[8541], corners[8540], corners[8541]}),
              Labelled({{0.45f, 0.45f, 0.55f, 0.55f}, {0.25f, 0.25f, 0.75f, 0.75f}}),
              Labelled({{0, 0, 1, 1}, {0, 0, 1, 1}, {0, 0, 1, 1}})});
}

// Half of default box 5 has an IoU of 0.5 with two of them: not enough.
TEST(CudaMatcher, HalfIsNotPositive) {
  CornerBox half = DefaultBoxCorners()[5];
  half[2] = (half[0] + half[2]) / 2;
  ExpectSame({Labelled({half})});
  emulator::SetOrder({});
  EXPECT_EQ(OnDevice({Labelled({half})}).label[5], 0);
}

TEST(CudaMatcher, ImagesWithoutBoxes) {
  ExpectSame({{}, RandomImage(1, 3, false), {}, {}, RandomImage(2, 2, true), {}});
  ExpectSame({{}});
}

TEST(CudaMatcher, DegenerateBoxes) {
  ExpectSame(
      {Labelled({{5, 5, 5.5f, 5.5f}, {-1, -1, -0.5f, -0.5f}}),
       Labelled({{0.3f, 0.3f, 0.3f, 0.7f}, {0.2f, 0.2f, 0.6f, 0.6f}, {0.5f, 0.5f, 0.5f, 0.5f}}),
       Labelled({{0, 0, 1e-30f, 1e-30f}, {1, 1, 1, 1}, {0, 0, 0, 0}}),
       Labelled({{0.999f, 0, 1, 1}, {0, 0.9999f, 1, 1}})});
}

TEST(CudaMatcher, ManyBoxes) { ExpectSame({RandomImage(3, 300, false), RandomImage(4, 93, true)}); }

// V6.
TEST(CudaMatcher, WorkedExample) {
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
  emulator::SetOrder({});
  const Image two{{{0.3f, 0.3f, 0.7f, 0.7f}, {0.50f, 0.50f, 0.52f, 0.53f}}, {17, 3}};
  const Image equal{{{0.1f, 0.1f, 0.4f, 0.4f}, {0.1f, 0.1f, 0.4f, 0.4f}}, {5, 9}};
  const Targets t = OnDevice({two, equal});
  for (int64_t a = 0; a < kDefaultBoxes; ++a) {
    const auto it = expected.find(a);
    ASSERT_EQ(t.label[a], it == expected.end() ? 0 : it->second.label) << "default box " << a;
    for (int c = 0; c < 4; ++c) {
      const float want = it == expected.end() ? 0.0f : it->second.offset[c];
      ASSERT_NEAR(t.offset[a * 4 + c], want, want == 0 ? 0 : 1e-5) << a << " offset " << c;
    }
  }
  EXPECT_EQ(std::count(t.label.begin() + kDefaultBoxes, t.label.end(), 9), 12);
  EXPECT_EQ(std::count(t.label.begin() + kDefaultBoxes, t.label.end(), 0), kDefaultBoxes - 12);
  EXPECT_EQ(t.label[kDefaultBoxes + 8074], 9);
}

}  // namespace
}  // namespace ssd
