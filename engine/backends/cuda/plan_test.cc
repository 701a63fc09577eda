// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// Plans for a GPU that is not there. Runs behind a stub driver, with cuDNN's libraries.
#include "backends/cuda/plan.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "backends/cuda/conv_graphs.h"
#include "backends/cuda/conv_plans.h"
#include "testing/error_of.h"
#include "testing/test_folder.h"

namespace ssd {
namespace {

class CudnnPlans : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* library :
         {"libcuda.so.1", "libcublasLt.so.13", "libnvrtc.so.13", "libcudnn.so.9"}) {
      if (dlopen(library, RTLD_NOW | RTLD_GLOBAL) == nullptr) GTEST_SKIP() << dlerror();
    }
    target_ = TargetOf("a100pcie40", 80);
  }
  static std::unique_ptr<PlanTarget> TargetOf(const std::string& device, int sm) {
    const std::string path = SSD_GPU_DIR "/" + device + ".json";
    return DescribedTarget(ReadFile(path), sm);
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

// The engine has CUDA's runtime within itself: where it runs there may be no other.
TEST_F(CudnnPlans, AskForNoOtherRuntime) {
  ConvForward(*target_, Conv(38), true);
  EXPECT_EQ(dlopen("libcudart.so.13", RTLD_NOW | RTLD_NOLOAD), nullptr);
}

// Says that one of the graph's plans is fast; runs nothing.
class WrittenTimer final : public PlanTimer {
 public:
  WrittenTimer(int64_t fast, int* runs) : fast_(fast), runs_(runs) {}
  std::unique_ptr<PlanRuns> Begin(cudnn_frontend::graph::Graph&) override {
    class Runs final : public PlanRuns {
     public:
      Runs(int64_t fast, int* runs) : fast_(fast), runs_(runs) {}
      std::optional<double> Run(int64_t index) override {
        ++*runs_;
        return index == fast_ ? 1 : 2;
      }

     private:
      int64_t fast_;
      int* runs_;
    };
    return std::make_unique<Runs>(fast_, runs_);
  }

 private:
  int64_t fast_;
  int* runs_;
};

// The engines of the plans of one convolution, chosen by written times and kept in a folder.
TEST_F(CudnnPlans, TheFastestIsKeptForTheNextRun) {
  const TestFolder folder;
  int runs = 0;
  const auto open = [&](int64_t fast) {
    auto target = TargetOf("a100pcie40", 80);
    target->timer = std::make_unique<WrittenTimer>(fast, &runs);
    target->cache = std::make_unique<PlanCache>(
        folder.path(), "written", [](const std::string& warning) { ADD_FAILURE() << warning; });
    return target;
  };
  const auto engine = [](PlanTarget& target, const ConvDesc& desc) {
    ConvForward(target, desc, true);
    return target.built.begin()->second.record;
  };
  ConvForward(*target_, Conv(38), true);
  const std::string first = target_->built.begin()->second.record.engine;
  int64_t fast = 1;  // some candidate is of another engine or has other settings
  auto timed = open(fast);
  PlanRecord chosen = engine(*timed, Conv(38));
  while (chosen.engine == first && ++fast < kTimedCandidates) {
    std::filesystem::remove(timed->cache->path());
    timed = open(fast);
    chosen = engine(*timed, Conv(38));
  }
  ASSERT_NE(chosen.engine, first);
  EXPECT_EQ(chosen.ms, 1);

  runs = 0;
  const auto again = open(0);
  EXPECT_EQ(engine(*again, Conv(38)).engine, chosen.engine);
  EXPECT_EQ(engine(*again, Conv(38)).ms, 1);
  EXPECT_EQ(runs, 0) << "what is known is not timed";

  ConvDesc without = Conv(38);
  without.relu = false;
  const auto other = open(0);
  engine(*other, without);
  EXPECT_GT(runs, 0) << "another graph";
}

// What no engine can be made of is chosen anew.
TEST_F(CudnnPlans, AnEngineThatIsNoneIsChosenAnew) {
  const TestFolder folder;
  const auto open = [&] {
    auto target = TargetOf("a100pcie40", 80);
    target->cache =
        std::make_unique<PlanCache>(folder.path(), "written", [](const std::string&) {});
    return target;
  };
  int runs = 0;
  auto target = open();
  target->timer = std::make_unique<WrittenTimer>(0, &runs);
  ConvForward(*target, Conv(38), true);
  const std::string wanted = target->built.begin()->second.record.engine;
  std::ifstream in(target->cache->path());
  std::string line;
  for (int i = 0; i < 3; ++i) std::getline(in, line);
  const std::string graph = line.substr(line.find("conv"));
  ASSERT_EQ(line.find(graph), line.size() - graph.size());
  target->cache->Put(graph, {{12345, {{6, 7}}}, 1});

  target = open();
  ConvForward(*target, Conv(38), true);
  EXPECT_EQ(target->built.begin()->second.record.engine, wanted);
}

// The check itself: sizes that do not fit must not find an engine.
TEST_F(CudnnPlans, RefuseAWrongShape) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    const std::string error =
        ErrorOf(Status::kUnavailable, [&] { ConvFilterGradient(*target_, Conv(36)).Require(); });
    EXPECT_NE(error.find("64x75x75 -> 128x36x36"), std::string::npos) << error;
  }
}

// The engine that sums dgamma and dbeta keeps a whole f32 map on A100, and little on H100.
TEST_F(CudnnPlans, TakeWorkInWhereItSavesTraffic) {
  const ConvDesc conv = {.x = {8, 64, 75, 75},
                         .y = {8, 64, 75, 75},
                         .kernel = 3,
                         .stride = 1,
                         .pad = 1,
                         .eps = 1e-5f,
                         .statistics = true,
                         .normalise = true};
  const ConvPlan forward = PlanForward(*target_, conv);
  EXPECT_TRUE(forward.normalises && forward.sums);
  EXPECT_TRUE(PlanFilterGradient(*target_, conv).normalises);
  const ConvPlan apart = PlanDataGradient(*target_, conv);
  EXPECT_TRUE(apart.finishes && !apart.sums);
  int replaced = 0;
  for (const auto& [name, plan] : target_->built)
    replaced += plan.record.instead == apart.plan.name();
  EXPECT_EQ(replaced, 1);

  const auto h100 = TargetOf("h100sxm80", 90);
  EXPECT_TRUE(PlanDataGradient(*h100, conv).sums);
}

// What cuDNN refuses is left to the op.
TEST_F(CudnnPlans, FallBackWhereAFusedGraphIsRefused) {
  const ConvDesc first = {.x = {2, 3, 300, 300, Layout::kImage},
                          .y = {2, 64, 150, 150},
                          .kernel = 7,
                          .stride = 2,
                          .pad = 3,
                          .statistics = true};
  EXPECT_FALSE(PlanForward(*target_, first).sums);
  EXPECT_EQ(target_->built.size(), 2u);
}

TEST(CudnnTarget, RefusesPropertiesThatAreNone) {
  if (dlopen("libcudnn.so.9", RTLD_NOW | RTLD_GLOBAL) == nullptr) GTEST_SKIP() << dlerror();
  ErrorOf(Status::kInvalid, [] { DescribedTarget("{}", 80); });
}

}  // namespace
}  // namespace ssd
