// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// Which of the engines that cuDNN offers for a graph runs it. Knows nothing of CUDA.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace ssd {

// An engine and its settings, by cuDNN's numbers: enough to make a plan again without asking the
// heuristics. Settings change how fast an engine is and the order of its sums, not what it
// computes.
struct EngineChoice {
  int64_t engine = -1;
  std::map<int64_t, int64_t> knobs;
  bool operator==(const EngineChoice&) const = default;
};

// What cuDNN's heuristics offer for one graph, the most promising first.
class PlanCandidates {
 public:
  virtual ~PlanCandidates() = default;
  virtual int64_t count() const = 0;
  virtual EngineChoice At(int64_t i) const = 0;
  virtual bool Build(int64_t i) = 0;  // false: not for this device, or it needs too much workspace
  // Milliseconds of one run; nothing where it failed. REQUIRES: Build(i).
  virtual std::optional<double> Run(int64_t i) = 0;
};

struct ChosenPlan {
  int64_t index = -1;  // of the candidate; -1: none can be built, or none of those that were ran
  double ms = 0;       // median of its runs; 0: not timed
};

inline constexpr int kTimedCandidates = 8;
inline constexpr int kWarmUpRuns = 2, kTimedRuns = 5;

// Without time it: the first that can be built. With it: the fastest of the first kTimedCandidates
// that can be built, by the median; the earlier one of two that are equal.
ChosenPlan ChoosePlan(PlanCandidates& candidates, bool time_it);

}  // namespace ssd
