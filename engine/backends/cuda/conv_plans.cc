// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/conv_plans.h"

#include <functional>
#include <utility>
#include <vector>

#include "backends/cuda/values.h"

namespace ssd {
namespace {

using Candidate = std::function<ConvPlan()>;

// The first that has an engine and moves no more than it saves; saved is in bytes.
ConvPlan FirstOf(PlanTarget& target, size_t saved, const std::vector<Candidate>& candidates) {
  std::vector<std::string> passed;
  for (size_t i = 0;; ++i) {
    ConvPlan made = candidates[i]();
    const bool last = i + 1 == candidates.size();
    if (last) made.plan.Require();
    // A workspace is written and read.
    const bool dear = made.sums && made.finishes && 2 * made.plan.workspace() > saved;
    if (last || (!made.plan.refused() && !dear)) {
      for (const std::string& graph : passed) target.Replace(graph, made.plan.name());
      return made;
    }
    passed.push_back(made.plan.name());
  }
}

}  // namespace

ConvPlan PlanForward(PlanTarget& target, const ConvDesc& desc) {
  std::vector<Candidate> candidates;
  for (const auto& [normalise, statistics] :
       {std::pair{true, true}, {true, false}, {false, true}, {false, false}}) {
    if (normalise > desc.normalise || statistics > desc.statistics) continue;
    candidates.push_back([&target, desc, normalise, statistics]() -> ConvPlan {
      ConvDesc asked = desc;
      asked.normalise = normalise;
      asked.statistics = statistics;
      return {ConvForward(target, asked, desc.bias || desc.fold), normalise, statistics};
    });
  }
  return FirstOf(target, 0, candidates);
}

ConvPlan PlanFilterGradient(PlanTarget& target, const ConvDesc& desc) {
  ConvDesc plain = desc;
  plain.normalise = false;
  std::vector<Candidate> candidates;
  if (desc.normalise)
    candidates.push_back([&]() -> ConvPlan { return {ConvFilterGradient(target, desc), true}; });
  candidates.push_back([&]() -> ConvPlan { return {ConvFilterGradient(target, plain)}; });
  return FirstOf(target, 0, candidates);
}

ConvPlan PlanDataGradient(PlanTarget& target, const ConvDesc& desc) {
  ConvDesc plain = desc;
  plain.normalise = plain.dx_relu = false;
  plain.dx_terms = 0;
  std::vector<Candidate> candidates;
  if (desc.normalise)
    candidates.push_back([&]() -> ConvPlan {
      return {ConvDataGradient(target, desc, true), true, true, true};
    });
  if (desc.normalise || desc.dx_relu || desc.dx_terms > 0)
    candidates.push_back([&]() -> ConvPlan {
      return {ConvDataGradient(target, desc, false), desc.normalise, false, true};
    });
  candidates.push_back([&]() -> ConvPlan { return {ConvDataGradient(target, plain, false)}; });
  // The sums by themselves read dx and x once more.
  return FirstOf(target, 2 * CudaBytes(desc.x), candidates);
}

}  // namespace ssd
