// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/plan_choice.h"

#include <algorithm>
#include <array>
#include <vector>

namespace ssd {
namespace {

// A candidate whose warm run took so many times the best median cannot win.
constexpr double kHopeless = 3;

// The median of its runs; nothing if one failed, or if it is hopeless beside best.
std::optional<double> Median(PlanCandidates& candidates, int64_t i, std::optional<double> best) {
  std::optional<double> warm;
  for (int run = 0; run < kWarmUpRuns; ++run) {
    warm = candidates.Run(i);
    if (!warm) return {};
  }
  if (best && *warm > kHopeless * *best) return {};
  std::array<double, kTimedRuns> runs{};
  for (double& ms : runs) {
    const auto taken = candidates.Run(i);
    if (!taken) return {};
    ms = *taken;
  }
  std::nth_element(runs.begin(), runs.begin() + kTimedRuns / 2, runs.end());
  return runs[kTimedRuns / 2];
}

}  // namespace

ChosenPlan ChoosePlan(PlanCandidates& candidates, bool time_it) {
  std::vector<EngineChoice> seen;  // the modes of the heuristics offer much twice
  std::optional<double> best;
  ChosenPlan chosen;
  int built = 0;
  for (int64_t i = 0; i < candidates.count() && built < kTimedCandidates; ++i) {
    EngineChoice choice = candidates.At(i);
    if (std::find(seen.begin(), seen.end(), choice) != seen.end()) continue;
    seen.push_back(std::move(choice));
    if (!candidates.Build(i)) continue;
    if (!time_it) return {i, 0};
    ++built;
    const auto ms = Median(candidates, i, best);
    if (!ms || (best && *ms >= *best)) continue;
    best = ms;
    chosen = {i, *ms};
  }
  return chosen;
}

}  // namespace ssd
