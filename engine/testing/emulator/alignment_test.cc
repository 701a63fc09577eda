// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// That a kernel's wide access beside its line is found, as a GPU would.
#include <cuda_fp16.h>
#include <gtest/gtest.h>

#include "backends/cuda/elementwise.h"
#include "testing/emulator/device_vector.h"

namespace ssd {
namespace {

TEST(EmulatedKernels, AMisalignedAccessIsFound) {
  const testing::DeviceVector<__half> x(std::vector<__half>(16)), y(std::vector<__half>(16));
  SumGradient({}, {x.data() + 8}, nullptr, 8, y.data());
  EXPECT_DEATH(SumGradient({}, {x.data() + 4}, nullptr, 8, y.data()), "misaligned address");
  EXPECT_DEATH(SumGradient({}, {x.data()}, nullptr, 8, y.data() + 1), "misaligned address");
}

}  // namespace
}  // namespace ssd
