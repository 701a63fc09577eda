// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/values.h"

#include <cuda_fp16.h>
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

namespace ssd {
namespace {

std::vector<float> Counting(const ValueDesc& v) {
  std::vector<float> nchw(v.batch * v.channels * v.height * v.width);
  std::iota(nchw.begin(), nchw.end(), 1.0f);
  return nchw;
}

TEST(CudaValues, KeepValues) {
  for (const ValueDesc& v :
       {ValueDesc{2, 16, 3, 5, Layout::kActivation}, ValueDesc{2, 3, 4, 5, Layout::kImage},
        ValueDesc{1, 510, 2, 1, Layout::kHead}, ValueDesc{1, 340, 2, 3, Layout::kHeadGradient}}) {
    const auto nchw = Counting(v);
    std::vector<float> back(nchw.size());
    UnpackValue(v, PackValue(v, nchw), back);
    EXPECT_EQ(back, nchw) << static_cast<int>(v.layout);
  }
}

TEST(CudaValues, PadImagesAndHeadsWithZeros) {
  const ValueDesc image = {1, 3, 1, 2, Layout::kImage};
  const auto bytes = PackValue(image, Counting(image));  // red 1 2, green 3 4, blue 5 6
  ASSERT_EQ(bytes.size(), 16u);
  const float want[8] = {1, 3, 5, 0, 2, 4, 6, 0};
  for (int i = 0; i < 8; ++i) {
    __half half;
    std::memcpy(&half, &bytes[i * 2], sizeof half);
    EXPECT_EQ(__half2float(half), want[i]) << i;
  }
  EXPECT_EQ(CudaBytes({1, 340, 1, 1, Layout::kHead}), 344u * 4);
  EXPECT_EQ(CudaBytes({1, 510, 1, 1, Layout::kHeadGradient}), 512u * 2);
}

}  // namespace
}  // namespace ssd
