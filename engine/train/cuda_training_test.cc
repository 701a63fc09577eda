// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// Training, evaluation and checkpoints of the CUDA backend on the emulator, whose memory crashes
// the host that touches it, against the CPU.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "backends/cuda/cuda_backend.h"
#include "data/dataset.h"
#include "data/test_files.h"
#include "train/checkpoint.h"
#include "train/test_training.h"

namespace ssd {
namespace {

const RunIdentity kRun{.seed = 1, .batch = 1, .precision = "FP16"};

std::unique_ptr<Backend> OnCuda() { return MakeCudaBackend({.time_plans = false}); }
Training OnCpu() {
  return Training(
      OpenBackend({.device = DeviceKind::kCpu, .precision = Precision::kF32, .threads = 1}));
}

TEST(CudaTraining, TheHostCannotReadDeviceMemory) {
  const auto backend = OnCuda();
  const auto memory = backend->Allocate(4);
  const auto* value = static_cast<const volatile float*>(memory->data());
  EXPECT_DEATH(std::exit(*value == 0 ? 0 : 1), "");
}

TEST(CudaTraining, FollowsTheCpu) {
  Training cpu = OnCpu(), cuda(OnCuda());
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
  Training run(OnCuda());
  run.Step();
  SaveCheckpoint(middle, run.parameters, {.epoch = 1, .iteration = 1, .step = 1}, kRun);
  const float want = run.Step();

  Training resumed(OnCuda());
  EXPECT_EQ(LoadCheckpoint(middle, kRun, resumed.parameters).step, 1);
  SaveCheckpoint(again, resumed.parameters, {.epoch = 1, .iteration = 1, .step = 1}, kRun);
  EXPECT_EQ(ReadFile(again), ReadFile(middle));
  EXPECT_EQ(resumed.Step(), want);
  EXPECT_EQ(Distance(resumed.parameters.HostWeights(), run.parameters.HostWeights()), 0);
}

// Scores of all detections of the validation images, by image, from inputs of the host or of the
// device. The last batch is short.
std::map<int64_t, std::vector<float>> Evaluate(Backend& backend, const Parameters& parameters,
                                               const std::string& dir, bool on_device) {
  DataOptions options;
  options.dir = dir;
  options.format = {ActivationType(backend.precision()), backend.image_channels()};
  options.decoder = Decoder::kHost;  // nvJPEG's pixels are others
  if (on_device) options.backend = &backend;
  const auto data = Dataset::Open(options, false, true);
  Evaluator evaluator(backend, parameters, 2,
                      {.score_threshold = 0.01f, .nms_threshold = 0.5f, .candidates = 50});
  evaluator.Refresh();
  std::map<int64_t, std::vector<float>> scores;
  const auto stream = data->Eval(2);
  evaluator.Run(*stream, [&](const EvalBatch& batch, int64_t i, std::span<const Detection> found) {
    EXPECT_EQ(batch.renderer != nullptr, on_device);
    EXPECT_TRUE(scores.try_emplace(batch.image_id[i]).second);
    for (const Detection& d : found) scores[batch.image_id[i]].push_back(d.score);
  });
  return scores;
}

TEST(CudaTraining, EvaluatesWhatTheDeviceRenders) {
  const TestFolder folder;
  MakeTestDataset(folder.path(), 1, 3);
  const auto backend = OnCuda();
  Parameters parameters(SmallSsd(), *backend);
  parameters.Initialize({.seed = 1, .zero_last_gamma = false}, [](const Param&) {});
  const auto got = Evaluate(*backend, parameters, folder.path(), true);
  const auto want = Evaluate(*backend, parameters, folder.path(), false);
  ASSERT_EQ(got.size(), 3u);
  for (const auto& [image, scores] : want) {
    ASSERT_EQ(got.at(image).size(), scores.size()) << image;
    ASSERT_FALSE(scores.empty());
    for (size_t i = 0; i < scores.size(); ++i)
      EXPECT_NEAR(got.at(image)[i], scores[i], 2e-3f * scores[i]) << image << " " << i;
  }
}

}  // namespace
}  // namespace ssd
