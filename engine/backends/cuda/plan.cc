// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/plan.h"

#include <cudnn_frontend.h>

#include <cinttypes>
#include <cstdio>
#include <utility>

#include "core/error.h"

namespace ssd {

namespace fe = cudnn_frontend;
using fe::graph::Graph;

namespace {

constexpr int64_t kMaxWorkspace = int64_t{1} << 30;

class FrontendCandidates final : public PlanCandidates {
 public:
  FrontendCandidates(Graph& graph, PlanRuns* runs) : graph_(graph), runs_(runs) {}
  int64_t count() const override { return graph_.get_execution_plan_count(); }
  EngineChoice At(int64_t i) const override {
    EngineChoice choice;
    std::unordered_map<fe::KnobType_t, int64_t> knobs;
    if (graph_.get_engine_and_knobs_at_index(i, choice.engine, knobs).is_bad())
      return {-1 - i, {}};  // equal to no other
    for (const auto& [knob, value] : knobs) choice.knobs[static_cast<int64_t>(knob)] = value;
    return choice;
  }
  bool Build(int64_t i) override {
    auto status = graph_.build_plan_at_index(i);
    if (status.is_bad() && refusal.empty()) refusal = status.get_message();
    return status.is_good();
  }
  std::optional<double> Run(int64_t i) override { return runs_->Run(i); }

  std::string refusal;  // of the first one

 private:
  Graph& graph_;
  PlanRuns* runs_;
};

std::string CacheKey(const std::string& name, Graph& graph) {
  char hash[24];
  std::snprintf(hash, sizeof hash, " #%016" PRIx64, static_cast<uint64_t>(graph.key()));
  return name + hash;
}

fe::error_t Define(const PlanTarget& target, Graph& graph) {
  target.Prepare(graph);
  // A recorded step does not outlive its plans. Else the frontend asks at every run whether it is
  // captured, of a libcudart.so that it looks for: the engine has CUDA's runtime within itself, and
  // a machine need not have another.
  graph.set_cuda_graph_retention(fe::CudaGraphRetention_t::NONE);
  auto status = graph.validate();
  if (status.is_bad()) return status;
  return target.handle() != nullptr ? graph.build_operation_graph(target.handle())
                                    : graph.build_operation_graph();
}

// The plan of an earlier choice; -1 where cuDNN does not make it any more.
int64_t Again(Graph& graph, const EngineChoice& choice) {
  std::unordered_map<fe::KnobType_t, int64_t> knobs;
  for (const auto& [knob, value] : choice.knobs) knobs[static_cast<fe::KnobType_t>(knob)] = value;
  const bool made = graph.create_execution_plan(choice.engine, knobs).is_good() &&
                    graph.build_plan_at_index(0).is_good();
  return made ? 0 : -1;
}

void Offer(const PlanTarget& target, Graph& graph, PlanRecord& record) {
  // The second asks longer and pays only where plans are timed.
  std::vector<fe::HeurMode_t> modes = {fe::HeurMode_t::A, fe::HeurMode_t::FALLBACK};
  if (target.timer != nullptr) modes.insert(modes.begin() + 1, fe::HeurMode_t::B);
  auto status = graph.create_execution_plans(modes);
  if (status.is_bad()) record.refusal = status.get_message();
  graph.deselect_workspace_greater_than(kMaxWorkspace);
  using Note =
      fe::NumericalNote_t;  // Winograd's larger tiles lose digits of f16 in their transforms
  graph.deselect_numeric_notes({Note::NONDETERMINISTIC, Note::REDUCED_PRECISION_REDUCTION,
                                Note::WINOGRAD_TILE_4x4, Note::WINOGRAD_TILE_6x6,
                                Note::WINOGRAD_TILE_13x13});
}

void Choose(PlanTarget& target, BuiltPlan& plan, const std::string& key) {
  Graph& graph = *plan.graph;
  PlanRecord& record = plan.record;
  Offer(target, graph, record);
  if (!record.refusal.empty()) return;
  const auto runs = target.timer != nullptr ? target.timer->Begin(graph) : nullptr;
  if (target.timer != nullptr && runs == nullptr)
    target.warn(record.graph + ": no memory to time its plans: cuDNN's first is taken");
  FrontendCandidates candidates(graph, runs.get());
  const ChosenPlan chosen = ChoosePlan(candidates, runs != nullptr);
  plan.index = chosen.index;
  record.ms = chosen.ms;
  if (chosen.index < 0) {
    record.refusal = candidates.refusal.empty() ? "no plan of it ran" : candidates.refusal;
  } else if (target.cache != nullptr && runs != nullptr) {
    target.cache->Put(key, {candidates.At(chosen.index), chosen.ms});
  }
}

void Make(PlanTarget& target, BuiltPlan& plan) {
  Graph& graph = *plan.graph;
  PlanRecord& record = plan.record;
  auto status = Define(target, graph);
  if (status.is_bad()) {
    record.refusal = status.get_message();
    return;
  }
  const std::string key = CacheKey(record.graph, graph);
  if (const CachedPlan* known = target.cache != nullptr ? target.cache->Find(key) : nullptr) {
    plan.index = Again(graph, known->choice);
    record.ms = known->ms;
  }
  if (plan.index < 0) Choose(target, plan, key);
  if (plan.index < 0) return;
  status = graph.get_plan_name_at_index(plan.index, record.engine);
  if (status.is_good())
    status = graph.get_workspace_size_plan_at_index(plan.index, record.workspace);
  if (status.is_bad()) record.refusal = status.get_message();
}

}  // namespace

CudnnPlan::CudnnPlan(PlanTarget& target, const std::string& name,
                     const std::shared_ptr<Graph>& graph) {
  const auto known = target.built.find(name);
  if (known == target.built.end()) {
    plan_.graph = graph;
    plan_.record.graph = name;
    Make(target, plan_);
    target.built.emplace(name, plan_);
  } else {
    plan_ = known->second;
  }
}

void CudnnPlan::Require() const {
  if (refused())
    Throw(Status::kUnavailable, "cuDNN has no engine for %s: %s", name().c_str(),
          plan_.record.refusal.c_str());
}

void CudnnPlan::Run(const PlanTarget& target, PlanPack& pack, void* workspace) const {
  auto status = plan_.graph->execute_plan_at_index(target.handle(), pack, workspace, plan_.index);
  if (status.is_bad())
    Throw(Status::kDevice, "%s: %s", plan_.record.graph.c_str(), status.get_message().c_str());
}

}  // namespace ssd
