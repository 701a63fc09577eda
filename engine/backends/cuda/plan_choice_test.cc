// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/plan_choice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace ssd {
namespace {

constexpr double kFails = -1;

// Candidates with written run times: the last one of each goes on for ever.
class Written final : public PlanCandidates {
 public:
  struct Candidate {
    int64_t engine;
    std::vector<double> ms;
    bool builds = true;
    int runs = 0;
    int asked = 0;  // to be built
  };
  explicit Written(std::vector<Candidate> of) : candidates(std::move(of)) {}
  int64_t count() const override { return static_cast<int64_t>(candidates.size()); }
  EngineChoice At(int64_t i) const override { return {candidates[i].engine, {{6, 1}}}; }
  bool Build(int64_t i) override {
    ++candidates[i].asked;
    return candidates[i].builds;
  }
  std::optional<double> Run(int64_t i) override {
    Candidate& c = candidates[i];
    EXPECT_EQ(c.asked, 1);
    const size_t at = std::min<size_t>(c.runs++, c.ms.size() - 1);
    if (c.ms[at] == kFails) return {};
    return c.ms[at];
  }
  std::vector<Candidate> candidates;
};

TEST(PlanChoice, WithoutTimeTheFirstThatBuilds) {
  Written offered({{1, {9}, false}, {2, {5}}, {3, {1}}});
  const ChosenPlan chosen = ChoosePlan(offered, false);
  EXPECT_EQ(chosen.index, 1);
  EXPECT_EQ(chosen.ms, 0);
  EXPECT_EQ(offered.candidates[1].runs, 0);
  EXPECT_EQ(offered.candidates[2].asked, 0);
}

TEST(PlanChoice, TheFastestByTheMedian) {
  // The first runs warm up; a run that was disturbed, or a lucky one, does not count.
  Written offered({{1, {90, 5, 5, 5, 5, 5, 99}},
                   {2, {8, 8, 4, 4, 4, 60, 60}},
                   {3, {6, 6, 1, 6, 6, 6, 6}},
                   {4, {5, 5, 4, 4, 4, 4, 4}}});
  const ChosenPlan chosen = ChoosePlan(offered, true);
  EXPECT_EQ(chosen.index, 1) << "the earlier one of two that are equal";
  EXPECT_EQ(chosen.ms, 4);
  EXPECT_EQ(offered.candidates[0].runs, kWarmUpRuns + kTimedRuns);
}

TEST(PlanChoice, ARunThatFailsIsNoChoice) {
  Written offered({{1, {kFails}}, {2, {7}}, {3, {1, 1, 1, kFails}}});
  EXPECT_EQ(ChoosePlan(offered, true).index, 1);
  EXPECT_EQ(offered.candidates[0].runs, 1);
}

TEST(PlanChoice, NoneIsSaid) {
  Written nothing({}), refused({{1, {1}, false}}), failing({{1, {kFails}}, {2, {kFails}}});
  for (const bool time_it : {false, true}) {
    EXPECT_EQ(ChoosePlan(nothing, time_it).index, -1);
    EXPECT_EQ(ChoosePlan(refused, time_it).index, -1);
  }
  EXPECT_EQ(ChoosePlan(failing, true).index, -1);
}

TEST(PlanChoice, OnlySoManyAreTimedAndRefusedOnesDoNotCount) {
  std::vector<Written::Candidate> many;
  for (int64_t i = 0; i < 30; ++i) many.push_back({i, {static_cast<double>(100 - i)}, i % 2 == 1});
  Written offered(many);
  EXPECT_EQ(ChoosePlan(offered, true).index, 2 * kTimedCandidates - 1);
  EXPECT_EQ(offered.candidates[2 * kTimedCandidates].asked, 0);
}

TEST(PlanChoice, WhatIsOfferedTwiceIsTimedOnce) {
  Written offered({{1, {3}}, {1, {1}}, {2, {4}}});
  EXPECT_EQ(ChoosePlan(offered, true).index, 0);
  EXPECT_EQ(offered.candidates[1].asked, 0);
}

TEST(PlanChoice, AHopelessOneIsLeftAfterItsWarmUp) {
  Written offered({{1, {1}}, {2, {50}}});
  EXPECT_EQ(ChoosePlan(offered, true).index, 0);
  EXPECT_EQ(offered.candidates[1].runs, kWarmUpRuns);
}

}  // namespace
}  // namespace ssd
