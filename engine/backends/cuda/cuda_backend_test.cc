// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// What the CUDA backend says where it cannot run. SSD_EXPECT_OBSTACLE names the word to expect; the
// build runs this without a driver and behind stub drivers (see CMakeLists.txt).
#include "backends/cuda/cuda_backend.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "testing/error_of.h"

namespace ssd {
namespace {

std::string Refusal(const BackendOptions& options) {
  return ErrorOf(Status::kUnavailable, [&] { OpenBackend(options); });
}

bool Holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

bool HasDriver() { return dlopen("libcuda.so.1", RTLD_NOW) != nullptr; }

TEST(CudaBackend, NamesWhatIsMissing) {
  const char* expected = std::getenv("SSD_EXPECT_OBSTACLE");
  if (expected == nullptr) GTEST_SKIP() << "SSD_EXPECT_OBSTACLE is not set";
  if (std::string(expected) == "driver" && HasDriver()) GTEST_SKIP() << "this machine has a driver";
  const std::string refusal = Refusal({.device = DeviceKind::kCuda, .precision = Precision::kF16});
  EXPECT_TRUE(Holds(refusal, "device.kind cuda: ")) << refusal;
  EXPECT_TRUE(Holds(refusal, expected)) << refusal;
  EXPECT_TRUE(Holds(Refusal({.precision = Precision::kF16}), expected));
}

TEST(CudaBackend, AutoFallsBackAndSaysWhy) {
  const auto backend = OpenBackend({.precision = Precision::kF32, .threads = 1});
  EXPECT_TRUE(Holds(backend->Describe(), "cpu: ")) << backend->Describe();
  EXPECT_TRUE(Holds(backend->Describe(), HasDriver() ? "no GPU is used: the CUDA engine computes"
                                                     : "no GPU is used: no NVIDIA driver"))
      << backend->Describe();
}

TEST(CudaBackend, SaysWhichPrecisionItHas) {
  if (!HasDriver()) GTEST_SKIP() << "a missing driver is told first";
  EXPECT_TRUE(Holds(Refusal({.device = DeviceKind::kCuda, .precision = Precision::kBF16}), "fp16"));
}

}  // namespace
}  // namespace ssd
