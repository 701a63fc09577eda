// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// Training, evaluation and checkpoints of the CUDA backend on the emulator, whose memory crashes
// the host that touches it, against the CPU.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "backends/cuda/cuda_backend.h"
#include "model/graph_builder.h"
#include "model/ssd300.h"
#include "train/checkpoint.h"
#include "train/evaluator.h"
#include "train/synthetic.h"
#include "train/trainer.h"

namespace ssd {
namespace {

constexpr int64_t kChannels = 16;
const RunIdentity kRun{.seed = 1, .batch = 1, .precision = "FP16"};

// Every kind of node, and the six maps of SSD300 at a fraction of their work.
Graph SmallSsd() {
  GraphBuilder b;
  const ValueId image = b.Image(3, kImageSize);
  const ValueId stem =
      b.Conv("stem", image, {.out_channels = kChannels, .kernel = 7, .stride = 8, .pad = 2});
  const ValueId pooled = b.MaxPool(b.BatchNorm("stem_norm", stem, true), 3, 1, 1);
  const ValueId block = b.Conv("block", pooled, {.out_channels = kChannels, .kernel = 3, .pad = 1});
  std::vector<ValueId> maps{b.BatchNorm("block_norm", block, true, pooled)};
  for (int i = 0; i < 5; ++i)
    maps.push_back(b.Conv("extra" + std::to_string(i), maps.back(),
                          {.out_channels = kChannels,
                           .kernel = 3,
                           .stride = i < 3 ? 2 : 1,
                           .pad = i < 3 ? 1 : 0,
                           .bias = true,
                           .relu = true,
                           .init = Init::kXavier}));
  for (size_t k = 0; k < maps.size(); ++k)
    b.Head(b.Conv("head" + std::to_string(k), maps[k],
                  {.out_channels = kMapShapes[k] * (kClasses + 4),
                   .kernel = 3,
                   .pad = 1,
                   .bias = true,
                   .init = Init::kHead,
                   .layout = Layout::kHead}));
  return b.Take();
}

struct Training {
  explicit Training(std::unique_ptr<Backend> of) : backend(std::move(of)) {
    parameters.Initialize({.seed = 1, .zero_last_gamma = false}, [](const Param&) {});
  }
  float Step() { return trainer.Step(input.train(), 1e-2); }
  std::vector<Detection> Detect() {
    evaluator.Upload(input.image());
    evaluator.Refresh();
    evaluator.Infer();
    const auto found = evaluator.detections(0);
    return {found.begin(), found.end()};
  }

  const std::unique_ptr<Backend> backend;
  const std::unique_ptr<Communicator> alone = OpenSolo();
  Parameters parameters{SmallSsd(), *backend};
  Trainer trainer{*backend,
                  parameters,
                  1,
                  {.momentum = 0.9f, .weight_decay = 5e-4f, .loss_scale = 128},
                  *alone};
  Evaluator evaluator{*backend,
                      parameters,
                      1,
                      {.score_threshold = 0.02f, .nms_threshold = 0.5f, .candidates = 200}};
  SyntheticBatch input{1, {ActivationType(backend->precision()), backend->image_channels()}, 1};
};

Training OnCpu() {
  return Training(
      OpenBackend({.device = DeviceKind::kCpu, .precision = Precision::kF32, .threads = 1}));
}

double Distance(const HostView& got, const HostView& want) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < want.values().size(); ++i) {
    const double g = got.values()[i], w = want.values()[i];
    difference += (g - w) * (g - w);
    norm += w * w;
  }
  return std::sqrt(difference / norm);
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
  const std::string middle = testing::TempDir() + "cuda_training_middle",
                    again = testing::TempDir() + "cuda_training_again";
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
