// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// What nvJPEG says without a GPU. SSD_EXPECT_NVJPEG=missing: the library is not there either.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "backends/cuda/jpeg.h"
#include "testing/error_of.h"

namespace ssd {
namespace {

std::string ErrorOfOpen() {
  return ErrorOf(Status::kUnavailable, [] { OpenNvjpeg(); });
}

TEST(Nvjpeg, SaysWhatIsMissing) {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0)
    GTEST_SKIP() << "this machine has a GPU";
  const char* expected = std::getenv("SSD_EXPECT_NVJPEG");
  if (expected != nullptr && std::strcmp(expected, "missing") == 0) {
    EXPECT_EQ(ErrorOfOpen(),
              "libnvjpeg.so.13 is missing: install nvJPEG of CUDA 13, and name its folder in "
              "LD_LIBRARY_PATH, or set data.decoder to host");
  } else {
    EXPECT_EQ(ErrorOfOpen(),
              "nvJPEG has no GPU to work on (nvjpegCreateEx: error 6): see nvidia-smi, or set "
              "data.decoder to host");
  }
}

}  // namespace
}  // namespace ssd
