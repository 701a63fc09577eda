// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/detect.h"

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <vector>

#include "backends/cuda/head_layout.h"
#include "testing/emulator/device_vector.h"
#include "testing/error_of.h"
#include "testing/head_suite.h"

namespace ssd {
namespace {

using testing::DetectCase;
using testing::DetectSuite;
using testing::DeviceVector;
using testing::Found;
using testing::HeadValues;

Found Run(const HeadValues& maps, const DetectDesc& desc) {
  std::optional<DeviceVector<float>> device[kMaps];
  std::array<const float*, kMaps> pointers;
  for (size_t k = 0; k < kMaps; ++k) pointers[k] = device[k].emplace(maps.map[k]).data();
  const auto op = MakeCudaDetect({}, desc);
  const DeviceVector<uint64_t> scratch(
      std::vector<uint64_t>(op->scratch() / sizeof(uint64_t) + 1, 0x9999999999999999u));
  std::vector<Detection> out(static_cast<size_t>(desc.batch * desc.candidates));
  std::vector<int32_t> count(static_cast<size_t>(desc.batch), -1);
  op->Bind(pointers, out.data(), count.data(), scratch.data());
  op->Run();
  return testing::ByImage(out, count);
}

DetectCase CaseOf(const char* name, const emulator::Order& order) {
  const auto run = [order](const HeadValues& maps, const DetectDesc& desc) {
    emulator::SetOrder(order);
    return Run(maps, desc);
  };
  return {name, CudaHeadChannels, run, 3, 4e-6};
}

const DetectCase kAscending = CaseOf("ascending", testing::kOrders[0]),
                 kShuffled = CaseOf("shuffled", testing::kOrders[1]);

INSTANTIATE_TEST_SUITE_P(Cuda, DetectSuite, ::testing::Values(kAscending, kShuffled),
                         [](const auto& info) { return info.param.name; });

TEST(CudaDetect, ResultDoesNotDependOnTheOrder) {
  const auto p = testing::RandomPrediction(99, 1, 300);
  testing::ExpectIdentical(Detect(kAscending, p), Detect(kShuffled, p));
}

TEST(CudaDetect, RefusesMoreCandidatesThanItsMemoryHolds) {
  ErrorOf(Status::kInvalid, [] {
    MakeCudaDetect(
        {}, {.batch = 1, .candidates = 1025, .default_boxes = testing::DetectDefaultBoxes()});
  });
}

}  // namespace
}  // namespace ssd
