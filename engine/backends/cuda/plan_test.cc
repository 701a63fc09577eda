// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// Plans for a GPU that is not there. Runs behind a stub driver, with cuDNN's libraries.
#include "backends/cuda/plan.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "backends/cuda/conv_graphs.h"
#include "core/error.h"

namespace ssd {
namespace {

class CudnnPlans : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* library :
         {"libcuda.so.1", "libcublasLt.so.13", "libnvrtc.so.13", "libcudnn.so.9"}) {
      if (dlopen(library, RTLD_NOW | RTLD_GLOBAL) == nullptr) GTEST_SKIP() << dlerror();
    }
    const std::string path = SSD_SHARED_DIR "/design/cuda-device-props/a100pcie40.json";
    std::ifstream file(path);
    if (!file) GTEST_SKIP() << path << " is missing";
    target_ = DescribedTarget({std::istreambuf_iterator<char>(file), {}}, 80);
  }

  static ConvDesc Conv(int64_t y_size) {
    return {.x = {2, 64, 75, 75},
            .y = {2, 128, y_size, y_size},
            .kernel = 3,
            .stride = 2,
            .pad = 1,
            .bias = true,
            .relu = true};
  }

  std::unique_ptr<PlanTarget> target_;
};

TEST_F(CudnnPlans, AreBuiltOnceForAGraph) {
  const CudnnPlan first = ConvForward(*target_, Conv(38), true);
  const CudnnPlan again = ConvForward(*target_, Conv(38), true);
  EXPECT_EQ(target_->built.size(), 1u);
  EXPECT_FALSE(target_->built.begin()->second.record.engine.empty());
  EXPECT_EQ(first.workspace(), again.workspace());
  ConvFilterGradient(*target_, Conv(38));
  EXPECT_EQ(target_->built.size(), 2u);
}

// The check itself: sizes that do not fit must not find an engine.
TEST_F(CudnnPlans, RefuseAWrongShape) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    try {
      ConvFilterGradient(*target_, Conv(36));
      FAIL() << "accepted";
    } catch (const Error& e) {
      EXPECT_EQ(e.status(), Status::kUnavailable);
      EXPECT_NE(std::string(e.what()).find("64x75x75 -> 128x36x36"), std::string::npos) << e.what();
    }
  }
}

TEST(CudnnTarget, RefusesPropertiesThatAreNone) {
  if (dlopen("libcudnn.so.9", RTLD_NOW | RTLD_GLOBAL) == nullptr) GTEST_SKIP() << dlerror();
  try {
    DescribedTarget("{}", 80);
    FAIL() << "accepted";
  } catch (const Error& e) {
    EXPECT_EQ(e.status(), Status::kInvalid);
  }
}

}  // namespace
}  // namespace ssd
