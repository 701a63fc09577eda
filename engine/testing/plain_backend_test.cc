// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// What is asked of a backend that fuses, of the plain loops themselves.
#include "testing/plain_backend.h"

#include "testing/backend_suite.h"

namespace ssd::testing {
namespace {

std::unique_ptr<Backend> Open() {
  return MakePlainBackend(
      OpenBackend({.device = DeviceKind::kCpu, .precision = Precision::kF32, .threads = 1}));
}

INSTANTIATE_TEST_SUITE_P(Plain, FusedSuite, ::testing::Values(BackendCase{"loops", Open, 1e-6}),
                         [](const auto& info) { return info.param.name; });

}  // namespace

// The duties of every backend are checked of those that run.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(BackendSuite);

}  // namespace ssd::testing
