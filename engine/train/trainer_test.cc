// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "train/trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "model/ssd300.h"
#include "train/evaluator.h"
#include "train/synthetic.h"

namespace ssd {
namespace {

// The whole network at batch 1 on made-up input.
struct Training {
  explicit Training(Precision precision)
      : backend(OpenBackend({.device = DeviceKind::kCpu, .precision = precision, .threads = 2})),
        parameters(BuildSsd300(), *backend),
        trainer(*backend, parameters, 1,
                {.momentum = 0.9f, .weight_decay = 5e-4f, .loss_scale = 128}, *alone),
        input(1, {.dtype = ActivationType(precision), .channels = 3}, 1) {
    parameters.Initialize({.seed = 1, .zero_last_gamma = true}, [](const Param&) {});
  }

  float Step() {
    trainer.Step(input.train(), 1e-3);
    return trainer.TakeLosses().back();
  }

  std::unique_ptr<Communicator> alone = OpenSolo();
  std::unique_ptr<Backend> backend;
  Parameters parameters;
  Trainer trainer;
  SyntheticBatch input;
};

TEST(Trainer, LossFallsOnOneBatchAndStepsRepeat) {
  Training a(Precision::kF32), b(Precision::kF32);
  float first = 0, last = 0;
  for (int step = 0; step < 6; ++step) {
    last = a.Step();
    if (step == 0) first = last;
    EXPECT_EQ(b.Step(), last) << "step " << step;
  }
  EXPECT_LT(last, 0.9f * first);
  EXPECT_EQ(0, std::memcmp(a.parameters.weights(), b.parameters.weights(),
                           static_cast<size_t>(a.parameters.size()) * sizeof(float)));
}

TEST(Trainer, UpdateIsMomentumSgd) {
  Training run(Precision::kF32);
  run.trainer.Gradients(run.input.train());
  const Param& p = run.parameters.graph().params.front();
  float* w = run.parameters.weights() + p.offset;
  const float before = w[0], g = run.parameters.gradients()[p.offset] / 128 + 5e-4f * before;
  run.trainer.Update(0.1);
  EXPECT_NEAR(w[0], before - 0.1f * g, 1e-6f * std::abs(before) + 1e-7f);
  const float m = -0.1f * g, again = w[0];
  const float g2 = run.parameters.gradients()[p.offset] / 128 + 5e-4f * again;
  run.trainer.Update(0.01);
  EXPECT_NEAR(w[0], again + 0.9f * m - 0.01f * g2, 1e-6f * std::abs(again) + 1e-7f);
}

TEST(Trainer, BF16FollowsF32) {
  std::unique_ptr<Training> bf16;
  try {
    bf16 = std::make_unique<Training>(Precision::kBF16);
  } catch (const std::exception& e) {
    GTEST_SKIP() << e.what();
  }
  Training f32(Precision::kF32);
  for (int step = 0; step < 4; ++step) {
    const float want = f32.Step(), got = bf16->Step();
    EXPECT_NEAR(got, want, 0.05f * want) << "step " << step;
  }
}

TEST(Evaluator, ReportsNothingFromWeightsOfZeroAndFollowsRefresh) {
  Training run(Precision::kF32);
  Evaluator evaluator(*run.backend, run.parameters, 1,
                      {.score_threshold = 0.05f, .nms_threshold = 0.5f, .candidates = 200});
  std::memcpy(evaluator.network().image(), run.input.image(), evaluator.network().image_bytes());
  // All scores equal 1/81 < 0.05.
  std::memset(run.parameters.weights(), 0, static_cast<size_t>(run.parameters.size()) * 4);
  evaluator.Refresh();
  evaluator.Infer();
  EXPECT_TRUE(evaluator.detections(0).empty());
  // One class of one shape of the last map wins everywhere: one box after suppression.
  const Param& bias = run.parameters.graph().params.back();
  ASSERT_EQ(bias.name, "ssd0_convpredictor5_conv0_bias");
  run.parameters.weights()[bias.offset + 81 + 17] = 10;  // shape 1, class 17
  evaluator.Refresh();
  evaluator.Infer();
  ASSERT_EQ(evaluator.detections(0).size(), 1u);
  const Detection& d = evaluator.detections(0)[0];
  EXPECT_EQ(d.label, 16);
  EXPECT_NEAR(d.score, std::exp(10.0) / (std::exp(10.0) + 80), 1e-4);
  EXPECT_NEAR(d.left, 0.5 - 0.95577194 / 2, 1e-5);
  EXPECT_NEAR(d.bottom, 0.5 + 0.95577194 / 2, 1e-5);
}

}  // namespace
}  // namespace ssd
