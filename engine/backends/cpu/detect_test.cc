// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/detect.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <array>
#include <vector>

#include "backends/cpu/head_layout.h"
#include "testing/head_suite.h"

namespace ssd {
namespace {

using testing::DetectCase;
using testing::DetectSuite;
using testing::Found;
using testing::HeadValues;

Found Run(const HeadValues& maps, const DetectDesc& desc) {
  const auto op = MakeCpuDetect(desc);
  std::array<const float*, kMaps> pointers;
  for (size_t k = 0; k < kMaps; ++k) pointers[k] = maps.map[k].data();
  std::vector<Detection> out(static_cast<size_t>(desc.batch * desc.candidates));
  std::vector<int32_t> count(static_cast<size_t>(desc.batch), -1);
  std::vector<uint64_t> scratch(op->scratch() / sizeof(uint64_t) + 1);
  op->Bind(pointers, out.data(), count.data(), scratch.data());
  op->Run();
  return testing::ByImage(out, count);
}

const DetectCase kCase = {"f32", CpuHeadChannels, Run, 24, 5e-7};

INSTANTIATE_TEST_SUITE_P(Cpu, DetectSuite, ::testing::Values(kCase),
                         [](const auto& info) { return info.param.name; });

TEST(CpuDetect, ResultDoesNotDependOnThreads) {
  const auto p = testing::RandomPrediction(99, 4, 300);
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  const Found one = Detect(kCase, p);
  omp_set_num_threads(3);
  const Found three = Detect(kCase, p);
  omp_set_num_threads(before);
  testing::ExpectIdentical(one, three);
}

}  // namespace
}  // namespace ssd
