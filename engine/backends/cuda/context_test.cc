// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/context.h"

#include <gtest/gtest.h>

namespace ssd {
namespace {

// A lower number is more urgent.
TEST(CudaContext, AStepIsMoreUrgentThanItsInput) {
  const cudaStream_t step = OpenStream(StreamUse::kStep), input = OpenStream(StreamUse::kInput);
  int urgent = 0, patient = 0;
  EXPECT_EQ(cudaStreamGetPriority(step, &urgent), cudaSuccess);
  EXPECT_EQ(cudaStreamGetPriority(input, &patient), cudaSuccess);
  EXPECT_LT(urgent, patient);
  for (const cudaStream_t stream : {step, input}) EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
}

}  // namespace
}  // namespace ssd
