// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/multibox.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "backends/cpu/head_layout.h"
#include "core/bfloat16.h"
#include "testing/error_of.h"
#include "testing/head_suite.h"

namespace ssd {
namespace {

using testing::HeadValues;
using testing::MultiboxCase;
using testing::MultiboxProblem;
using testing::MultiboxResult;
using testing::MultiboxSuite;

float ValueOf(const std::byte* at, Precision precision) {
  if (precision == Precision::kF32) {
    float v;
    std::memcpy(&v, at, sizeof v);
    return v;
  }
  bfloat16 v;
  std::memcpy(&v, at, sizeof v);
  return v.ToFloat();
}

MultiboxResult Run(Precision precision, const HeadValues& maps, const MultiboxProblem& problem,
                   float loss_scale, bool gradients) {
  const size_t size = SizeOf(ActivationType(precision));
  const std::vector<float> target(problem.target.begin(), problem.target.end());
  std::vector<std::byte> gradient[kMaps];
  const auto op = MakeCpuMultibox({problem.batch, loss_scale}, precision);
  std::vector<uint64_t> scratch(op->scratch() / sizeof(uint64_t) + 1);
  MultiboxResult result{NAN, HeadValues(problem.batch, CpuHeadChannels)};
  MultiboxArgs args{};
  for (size_t k = 0; k < kMaps; ++k) {
    args.map[k] = maps.map[k].data();
    gradient[k].assign(maps.map[k].size() * size, std::byte{0xff});
    if (gradients) args.gradient[k] = gradient[k].data();
  }
  args.label = problem.label.data();
  args.offset = target.data();
  args.loss = &result.loss;
  args.scratch = scratch.data();
  op->Bind(args);
  op->Run();
  for (size_t k = 0; k < kMaps; ++k)
    for (size_t i = 0; i < maps.map[k].size(); ++i)
      result.gradient.map[k][i] = ValueOf(gradient[k].data() + i * size, precision);
  return result;
}

MultiboxCase CaseOf(const char* name, Precision precision, double gradient_error) {
  return {name, CpuHeadChannels,
          [precision](const auto&... args) { return Run(precision, args...); }, gradient_error};
}

const MultiboxCase kF32 = CaseOf("f32", Precision::kF32, 1e-6),
                   kBF16 = CaseOf("bf16", Precision::kBF16, 4e-3);

INSTANTIATE_TEST_SUITE_P(Cpu, MultiboxSuite, ::testing::Values(kF32, kBF16),
                         [](const auto& info) { return info.param.name; });

TEST(CpuMultibox, ResultDoesNotDependOnThreads) {
  const MultiboxProblem p = testing::RandomProblem(20, 3, 2.0, 150);
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  const MultiboxResult one = Solve(kBF16, p);
  for (const int threads : {2, 5}) {
    omp_set_num_threads(threads);
    const MultiboxResult many = Solve(kBF16, p);
    EXPECT_EQ(many.loss, one.loss);
    EXPECT_EQ(many.gradient.map, one.gradient.map);
  }
  omp_set_num_threads(before);
}

TEST(CpuMultibox, RefusesLabelsOutOfRange) {
  for (const int32_t bad : {81, -1}) {
    MultiboxProblem p = testing::RandomProblem(21, 1, 1.0, 100);
    p.label[4000] = bad;
    ErrorOf(Status::kInvalid, [&] { Solve(kF32, p); });
  }
}

}  // namespace
}  // namespace ssd
