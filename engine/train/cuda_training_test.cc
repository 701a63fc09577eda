// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// Training, evaluation and checkpoints of the CUDA backend on the emulator, whose memory crashes
// the host that touches it, against the CPU.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "backends/cuda/cuda_backend.h"
#include "core/test_folder.h"
#include "train/checkpoint.h"
#include "train/small_training.h"

namespace ssd {
namespace {

const RunIdentity kRun{.seed = 1, .batch = 1, .precision = "FP16"};

Training OnCpu() {
  return Training(
      OpenBackend({.device = DeviceKind::kCpu, .precision = Precision::kF32, .threads = 1}));
}

std::string Content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(CudaTraining, TheHostCannotReadDeviceMemory) {
  const auto backend = MakeCudaBackend();
  const auto memory = backend->Allocate(4);
  const auto* value = static_cast<const volatile float*>(memory->data());
  EXPECT_DEATH(std::exit(*value == 0 ? 0 : 1), "");
}

TEST(CudaTraining, FollowsTheCpu) {
  Training cpu = OnCpu(), cuda(MakeCudaBackend());
  float first = 0;
  for (int step = 0; step < 3; ++step) {
    const float want = cpu.Step(), got = cuda.Step();
    if (step == 0) first = want;
    EXPECT_NEAR(got, want, 2e-3f * want) << "step " << step;
    EXPECT_LT(Distance(cuda.parameters.HostGradients(), cpu.parameters.HostGradients()), 0.05)
        << "step " << step;
  }
  EXPECT_LT(cuda.Step(), 0.9f * first);
  cpu.Step();
  EXPECT_LT(Distance(cuda.parameters.HostWeights(), cpu.parameters.HostWeights()), 1e-3);
  EXPECT_LT(Distance(cuda.parameters.HostStatistics(), cpu.parameters.HostStatistics()), 1e-3);

  const auto want = cpu.Detect(), got = cuda.Detect();
  ASSERT_FALSE(want.empty());
  ASSERT_FALSE(got.empty());
  EXPECT_EQ(got[0].label, want[0].label);
  EXPECT_NEAR(got[0].score, want[0].score, 0.01f * want[0].score);
  EXPECT_NEAR(got[0].left, want[0].left, 2e-3f);
  EXPECT_NEAR(got[0].bottom, want[0].bottom, 2e-3f);
}

TEST(CudaTraining, GoesOnFromACheckpointToTheBit) {
  const TestFolder folder;
  const std::string middle = folder / "middle", again = folder / "again";
  Training run(MakeCudaBackend());
  run.Step();
  SaveCheckpoint(middle, run.parameters, {.epoch = 1, .iteration = 1, .step = 1}, kRun);
  const float want = run.Step();

  Training resumed(MakeCudaBackend());
  EXPECT_EQ(LoadCheckpoint(middle, kRun, resumed.parameters).step, 1);
  SaveCheckpoint(again, resumed.parameters, {.epoch = 1, .iteration = 1, .step = 1}, kRun);
  EXPECT_EQ(Content(again), Content(middle));
  EXPECT_EQ(resumed.Step(), want);
  EXPECT_EQ(Distance(resumed.parameters.HostWeights(), run.parameters.HostWeights()), 0);
}

}  // namespace
}  // namespace ssd
