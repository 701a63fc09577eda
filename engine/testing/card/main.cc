// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// main of the tests that need a card: without one they are left out, and say why.
#include <gtest/gtest.h>

#include <cstdio>

#include "backends/cuda/cuda_backend.h"

namespace {

constexpr int kSkipped = 77;

}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const std::string obstacle = ssd::CudaObstacle({.precision = ssd::Precision::kF16});
  if (!obstacle.empty()) {
    std::printf("SKIPPED: %s\n", obstacle.c_str());
    return kSkipped;
  }
  return RUN_ALL_TESTS();
}
