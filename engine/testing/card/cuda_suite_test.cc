// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// The duties of every backend, by the CUDA backend on a card.
#include "backends/cuda/cuda_backend.h"
#include "testing/backend_suite.h"

namespace ssd::testing {

// As on the emulator: f16 keeps 11 bits, rounding once is 2e-4 away on average.
const BackendCase kCard = {"card", [] { return MakeCudaBackend({.time_plans = false}); }, 1e-3};

INSTANTIATE_TEST_SUITE_P(Cuda, BackendSuite, ::testing::Values(kCard),
                         [](const auto& info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(Cuda, FusedSuite, ::testing::Values(kCard),
                         [](const auto& info) { return info.param.name; });

}  // namespace ssd::testing
