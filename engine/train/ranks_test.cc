// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// Several ranks, as threads, against one with all their images.
#include "train/ranks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "comm/test_ranks.h"
#include "core/philox.h"
#include "model/ssd300.h"
#include "testing/distance.h"
#include "testing/error_of.h"
#include "train/options.h"
#include "train/synthetic.h"

namespace ssd {
namespace {

constexpr int kImages = 4;  // of all ranks

EngineConfig ConfigOf(int bn_group) {
  EngineConfig config;
  config.mutable_model()->set_bn_group(bn_group);
  config.mutable_comm()->set_interface("lo");
  config.mutable_comm()->set_timeout_seconds(300);
  return config;
}

// Hardly a ReLU input is negative, so that a gradient does not hang on the sign of a rounding.
void FillWellConditioned(Parameters& parameters) {
  parameters.Initialize({.seed = 1, .zero_last_gamma = false}, [](const Param&) {});
  Philox random(4, Purpose::kSynthetic, 0, 0);
  const auto fill = [&](const Param& p, float low, float high) {
    for (int64_t i = 0; i < p.size(); ++i)
      parameters.weights()[p.offset + i] = random.Uniform(low, high);
  };
  for (const Param& p : parameters.graph().params) {
    if (p.name.ends_with("_gamma")) fill(p, 0.3f, 0.7f);
    if (p.name.ends_with("_beta")) fill(p, 3, 5);
    if (p.name.ends_with("_bias")) {
      if (p.name.find("expand") != std::string::npos)
        fill(p, 6, 10);
      else
        fill(p, -0.1f, 0.1f);
    }
  }
}

// Made-up images; targets with positives of every feature map, and so many of them that every
// negative is mined: which of two near losses is larger is up to rounding.
class Input {
 public:
  Input() {
    Philox random(6, Purpose::kSynthetic, 0, 0);
    for (int64_t i = 0; i < kImages * kDefaultBoxes; ++i) {
      if (random.Below(3) != 0) continue;
      label_[static_cast<size_t>(i)] = 1 + static_cast<int32_t>(random.Below(80));
      for (size_t t = 0; t < 4; ++t)
        offset_[4 * static_cast<size_t>(i) + t] = random.Uniform(-1, 1);
    }
  }

  // The images of one rank.
  TrainBatch Part(size_t image_bytes, int rank, int world) const {
    const auto first = static_cast<size_t>(kImages / world * rank);
    return {static_cast<const std::byte*>(noise_.image()) + first * image_bytes,
            label_.data() + first * kDefaultBoxes, offset_.data() + first * kDefaultBoxes * 4,
            nullptr};
  }

 private:
  SyntheticBatch noise_{kImages, {.dtype = DType::kF32, .channels = 3}, 1};
  std::vector<int32_t> label_ = std::vector<int32_t>(kImages * kDefaultBoxes);
  std::vector<float> offset_ = std::vector<float>(kImages * kDefaultBoxes * 4);
};

struct Outcome {
  double loss = 0;
  std::vector<float> gradients, weights, statistics;  // gradients of the first step
};

// A rank's steps on its part of a made-up batch, from weights that only rank 0 has.
Outcome TrainRank(Ranks& ranks, int threads, int steps) {
  const auto backend = OpenBackend({.device = DeviceKind::kCpu,
                                    .precision = Precision::kF32,
                                    .threads = threads,
                                    .norm_span = ranks.norm_span()});
  Parameters parameters(BuildSsd300(), *backend);
  TrainPosition position;
  if (ranks.rank() == 0) FillWellConditioned(parameters);
  ranks.ShareState(parameters, position);
  Trainer trainer(*backend, parameters, kImages / ranks.world(),
                  {.momentum = 0.9f, .weight_decay = 5e-4f, .loss_scale = 128}, ranks.all());
  const Input input;
  const size_t image_bytes = trainer.network().image_bytes() / static_cast<size_t>(trainer.batch());
  const TrainBatch part = input.Part(image_bytes, ranks.rank(), ranks.world());
  Outcome outcome;
  for (int step = 0; step < steps; ++step) {
    double loss = trainer.Gradients(part);
    ranks.Average({&loss, 1});
    const float* gradients = parameters.gradients();
    if (step == 0) outcome.gradients.assign(gradients, gradients + parameters.size());
    if (step == 0) outcome.loss = loss;
    trainer.Update(1e-3);
  }
  ranks.AverageStatistics(parameters);
  outcome.weights.assign(parameters.weights(), parameters.weights() + parameters.size());
  const int64_t statistics = parameters.graph().statistic_floats;
  outcome.statistics.assign(parameters.statistics(), parameters.statistics() + statistics);
  return outcome;
}

std::vector<Outcome> TrainRanks(int world, int bn_group, int steps) {
  std::vector<Outcome> outcomes(static_cast<size_t>(world));
  AddressTable table(world);
  OnThreads(world, [&](int rank) {
    Ranks ranks(ConfigOf(bn_group));
    ranks.Connect(table.Exchange(rank, ranks.Address(rank, world)));
    outcomes[static_cast<size_t>(rank)] = TrainRank(ranks, world == 1 ? 2 : 1, steps);
  });
  return outcomes;
}

bool SameBytes(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST(Ranks, EqualOneRankWithAllImages) {
  const Outcome want = TrainRanks(1, 1, 1)[0];
  for (const int world : {2, 4}) {
    const auto outcomes = TrainRanks(world, world, 1);
    for (const Outcome& outcome : outcomes) {
      EXPECT_TRUE(SameBytes(outcome.gradients, outcomes[0].gradients));
      EXPECT_TRUE(SameBytes(outcome.weights, outcomes[0].weights));
      EXPECT_TRUE(SameBytes(outcome.statistics, outcomes[0].statistics));
    }
    EXPECT_NEAR(outcomes[0].loss, want.loss, 1e-5 * want.loss);
    EXPECT_LT(Distance(outcomes[0].statistics, want.statistics), 1e-5);
    std::vector<double> distances;
    for (const Param& p : BuildSsd300().params) {
      const auto part = [&](const Outcome& o) {
        return std::span(o.gradients)
            .subspan(static_cast<size_t>(p.offset), static_cast<size_t>(p.size()));
      };
      distances.push_back(Distance(part(outcomes[0]), part(want)));
      EXPECT_LT(distances.back(), 1e-3) << p.name << ", " << world << " ranks";
    }
    ASSERT_EQ(distances.size(), 119u);
    std::ranges::nth_element(distances, distances.begin() + 59);
    EXPECT_LT(distances[59], 2e-5) << world << " ranks";
    std::printf("%d ranks: gradients differ by %.1e (median)", world, distances[59]);
    std::printf(", %.1e (worst)\n", *std::ranges::max_element(distances));
  }
}

// With a BatchNorm of its own on each rank, so that their statistics differ before the average.
TEST(Ranks, ARunHasTheSameBytesAgain) {
  const auto first = TrainRanks(2, 1, 2), again = TrainRanks(2, 1, 2);
  for (size_t rank = 0; rank < 2; ++rank) {
    EXPECT_EQ(again[rank].loss, first[0].loss);
    EXPECT_TRUE(SameBytes(again[rank].gradients, first[0].gradients));
    EXPECT_TRUE(SameBytes(again[rank].weights, first[0].weights));
    EXPECT_TRUE(SameBytes(again[rank].statistics, first[0].statistics));
  }
}

// Groups are blocks of consecutive ranks.
TEST(Ranks, BatchNormSumsOverItsGroup) {
  AddressTable table(4);
  OnThreads(4, [&](int rank) {
    Ranks ranks(ConfigOf(2));
    ranks.Connect(table.Exchange(rank, ranks.Address(rank, 4)));
    ASSERT_NE(ranks.norm_span(), nullptr);
    EXPECT_EQ(ranks.norm_span()->ranks(), 2);
    double value = rank == 0 ? 1 : rank * 10;
    ranks.norm_span()->Sum({&value, 1}, nullptr);
    EXPECT_EQ(value, rank < 2 ? 11 : 50);
    double values[] = {1.0 * rank, 3.0 * rank};
    ranks.Average(values);
    EXPECT_EQ(values[0], 1.5);
    EXPECT_EQ(values[1], 4.5);
  });
}

TEST(Ranks, GatherDetectionsInTheOrderOfRanks) {
  AddressTable table(3);
  OnThreads(3, [&](int rank) {
    Ranks ranks(ConfigOf(1));
    ranks.Connect(table.Exchange(rank, ranks.Address(rank, 3)));
    std::vector<CocoDetection> mine;
    for (int i = 0; i < 2 * (2 - rank); ++i)  // 4, 2 and none
      mine.push_back({.image_id = 10 * rank + i,
                      .category_id = 1,
                      .x = 0.5,
                      .y = 0,
                      .w = 1,
                      .h = 1,
                      .score = 0.25});
    const auto all = ranks.GatherDetections(mine);
    ASSERT_EQ(all.has_value(), rank == 0);
    if (!all) return;
    std::vector<int64_t> ids;
    for (const CocoDetection& d : *all) ids.push_back(d.image_id);
    EXPECT_EQ(ids, (std::vector<int64_t>{0, 1, 2, 3, 10, 11}));
    EXPECT_EQ((*all)[5].score, 0.25);
  });
}

TEST(Ranks, RefuseWhatDoesNotFit) {
  EXPECT_NE(ErrorOf(Status::kInvalid, [] { Ranks(ConfigOf(4)).Address(0, 6); })
                .find("model.bn_group is 4, must divide the number of ranks, which is 6"),
            std::string::npos);
  EXPECT_NE(ErrorOf(Status::kInvalid,
                    [] {
                      Ranks(ConfigOf(1)).Connect({"", ""});
                    })
                .find("2 addresses for 1 ranks"),
            std::string::npos);
  EngineConfig impatient = ConfigOf(1);
  impatient.mutable_comm()->set_timeout_seconds(0);
  EXPECT_EQ(ErrorOf(Status::kInvalid, [&] { Ranks(impatient).Address(0, 2); }),
            "comm.timeout_seconds is 0, must be at least 1");
  EXPECT_EQ(Ranks(impatient).Address(0, 1), Ranks(ConfigOf(1)).Address(0, 1));  // has no peer
  Ranks ranks(ConfigOf(1));
  const std::string address = ranks.Address(0, 2);
  EXPECT_NE(ErrorOf(Status::kInvalid,
                    [&] {
                      ranks.Connect({address, "\xff"});
                    })
                .find("rank 1"),
            std::string::npos);
  const auto backend = OpenBackend({.device = DeviceKind::kCpu, .threads = 1});
  Parameters parameters(BuildSsd300(), *backend);
  TrainPosition position;
  EXPECT_NE(ErrorOf(Status::kInvalid, [&] { ranks.ShareState(parameters, position); })
                .find("not connected"),
            std::string::npos);
}

}  // namespace
}  // namespace ssd
