// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/multibox.h"

#include <cuda_fp16.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "backends/cuda/head_layout.h"
#include "testing/emulator/device_vector.h"
#include "testing/head_suite.h"

namespace ssd {
namespace {

using testing::DeviceVector;
using testing::HeadValues;
using testing::MultiboxCase;
using testing::MultiboxProblem;
using testing::MultiboxResult;
using testing::MultiboxSuite;

MultiboxResult Run(const HeadValues& maps, const MultiboxProblem& problem, float loss_scale,
                   bool gradients) {
  const DeviceVector<int32_t> label(problem.label);
  const DeviceVector<float> target({problem.target.begin(), problem.target.end()}), loss({NAN});
  std::optional<DeviceVector<float>> map[kMaps];
  std::optional<DeviceVector<__half>> gradient[kMaps];
  MultiboxArgs args{};
  for (size_t k = 0; k < kMaps; ++k) {
    args.map[k] = map[k].emplace(maps.map[k]).data();
    gradient[k].emplace(std::vector<__half>(maps.map[k].size(), __float2half_rn(NAN)));
    if (gradients) args.gradient[k] = gradient[k]->data();
  }
  const auto op = MakeCudaMultibox({}, {problem.batch, loss_scale});
  const DeviceVector<uint64_t> scratch(
      std::vector<uint64_t>(op->scratch() / sizeof(uint64_t) + 1, ~uint64_t{0}));
  args.label = label.data();
  args.offset = target.data();
  args.loss = loss.data();
  args.scratch = scratch.data();
  op->Bind(args);
  op->Run();
  MultiboxResult result{loss.Fetch()[0], HeadValues(problem.batch, CudaHeadChannels)};
  for (size_t k = 0; k < kMaps; ++k) {
    const auto values = gradient[k]->Fetch();
    std::ranges::transform(values, result.gradient.map[k].begin(),
                           [](__half value) { return __half2float(value); });
  }
  return result;
}

MultiboxCase CaseOf(const char* name, const emulator::Order& order) {
  const auto run = [order](const auto&... args) {
    emulator::SetOrder(order);
    return Run(args...);
  };
  return {name, CudaHeadChannels, run, 5e-4};  // f16 rounds by 2^-11
}

const MultiboxCase kAscending = CaseOf("ascending", testing::kOrders[0]),
                   kShuffled = CaseOf("shuffled", testing::kOrders[1]);

INSTANTIATE_TEST_SUITE_P(Cuda, MultiboxSuite, ::testing::Values(kAscending, kShuffled),
                         [](const auto& info) { return info.param.name; });

// The same bits whatever the order of threads.
TEST(CudaMultibox, ResultDoesNotDependOnTheOrder) {
  const MultiboxProblem p = testing::RandomProblem(20, 1, 1.0, 100);
  const MultiboxResult a = Solve(kAscending, p), b = Solve(kShuffled, p);
  EXPECT_EQ(a.loss, b.loss);
  EXPECT_EQ(a.gradient.map, b.gradient.map);
}

TEST(CudaMultibox, LabelsOutOfRangeReachTheLoss) {
  MultiboxProblem p = testing::RandomProblem(21, 1, 1.0, 100);
  p.label[77] = 81;
  EXPECT_FALSE(std::isfinite(Solve(kShuffled, p).loss));
}

}  // namespace
}  // namespace ssd
