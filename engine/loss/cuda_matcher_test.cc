// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// The CUDA encoder's source, on the emulator or on a card.
#include <cmath>

#include "backends/backend.h"
#include "backends/cuda/matcher.h"
#include "testing/emulator/device_vector.h"
#include "testing/matcher_suite.h"

namespace ssd::testing {
namespace {

constexpr int32_t kUnwritten = -77;

DeviceVector<float4> Table(std::span<const std::array<float, 4>> boxes) {
  std::vector<float4> table;
  for (const auto& [x, y, z, w] : boxes) table.push_back({x, y, z, w});
  return DeviceVector<float4>(std::move(table));
}

EncodedTargets Encode(const std::vector<LabelledBoxes>& batch) {
  const auto images = static_cast<int64_t>(batch.size());
  std::vector<int32_t> first{0};
  std::vector<TargetBox> boxes;
  for (const LabelledBoxes& image : batch) {
    for (size_t k = 0; k < image.boxes.size(); ++k) {
      const CornerBox& b = image.boxes[k];
      boxes.push_back({b[0], b[1], b[2], b[3], image.labels[k], kUnwritten});
    }
    first.push_back(static_cast<int32_t>(boxes.size()));
  }
  const auto count = static_cast<int64_t>(boxes.size());
  const auto centers = Table(DefaultBoxes()), corners = Table(DefaultBoxCorners());
  const DeviceVector<TargetBox> device_boxes(std::move(boxes));
  const DeviceVector<int32_t> device_first(std::move(first));
  const DeviceVector<int32_t> label(std::vector<int32_t>(images * kDefaultBoxes, kUnwritten));
  const DeviceVector<float4> offset(
      std::vector<float4>(images * kDefaultBoxes, {NAN, NAN, NAN, NAN}));
  EncodeBatch({},
              {.centers = centers.data(),
               .corners = corners.data(),
               .boxes = device_boxes.data(),
               .first = device_first.data(),
               .label = label.data(),
               .offset = offset.data()},
              images, count);
  const auto offsets = offset.Fetch();
  const auto* values = reinterpret_cast<const float*>(offsets.data());
  return {label.Fetch(), {values, values + offsets.size() * 4}};
}

std::vector<MatcherCase> Cases() {
  std::vector<MatcherCase> cases;
  for (const auto& order : kOrders)
    cases.push_back({order.shuffled ? "shuffled" : "ascending",
                     [order](const std::vector<LabelledBoxes>& batch) {
                       emulator::SetOrder(order);
                       return Encode(batch);
                     },
                     /*rounds=*/6});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Cuda, MatcherSuite, ::testing::ValuesIn(Cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace ssd::testing
