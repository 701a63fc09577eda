// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// The duties of every backend, by the CUDA backend on the emulator.
#include "backends/cuda/cuda_backend.h"
#include "testing/backend_suite.h"
#include "testing/emulator/device_vector.h"
#include "testing/emulator/plans.h"

namespace ssd {
namespace {

using testing::BackendCase;
using testing::BackendSuite;
using testing::FusedPlans;
using testing::FusedSuite;

BackendCase CaseOf(const char* name, const emulator::Order& order,
                   FusedPlans fused = FusedPlans::kAll) {
  // f16 keeps 11 bits: rounding once is 2e-4 away on average, and at most 2^-11.
  return {name,
          [=] {
            emulator::SetOrder(order);
            testing::SetFusedPlans(fused);
            return MakeCudaBackend();
          },
          1e-3};
}

INSTANTIATE_TEST_SUITE_P(Cuda, BackendSuite,
                         ::testing::Values(CaseOf("ascending", testing::kOrders[0]),
                                           CaseOf("shuffled", testing::kOrders[1])),
                         [](const auto& info) { return info.param.name; });
// Whatever cuDNN refuses.
INSTANTIATE_TEST_SUITE_P(
    Cuda, FusedSuite,
    ::testing::Values(CaseOf("all", testing::kOrders[0]),
                      CaseOf("no_sums", testing::kOrders[1], FusedPlans::kNoSums),
                      CaseOf("none", testing::kOrders[0], FusedPlans::kNone),
                      CaseOf("none_shuffled", testing::kOrders[1], FusedPlans::kNone)),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace ssd
