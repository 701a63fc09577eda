// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "backends/cuda/plan_cache.h"

struct cudnnContext;
namespace cudnn_frontend::graph {
class Graph;
}

namespace ssd {

// What became of one cuDNN graph.
struct PlanRecord {
  std::string graph;   // "conv forward 3x3/1 64x75x75 -> 64x75x75"
  std::string engine;  // cuDNN's name of the engine; empty: refused
  int64_t workspace = 0;
  std::string refusal;       // cuDNN's words
  double ms = 0;             // a run of it when it was chosen; 0: not timed
  std::string instead = {};  // what its op does without it
};

struct BuiltPlan {
  std::shared_ptr<cudnn_frontend::graph::Graph> graph;
  PlanRecord record;
  int64_t index = -1;  // among the graph's plans
};

// One graph readied to be timed.
class PlanRuns {
 public:
  virtual ~PlanRuns() = default;
  // Milliseconds of a plan of the graph; nothing where it failed. REQUIRES: it is built.
  virtual std::optional<double> Run(int64_t index) = 0;
};
class PlanTimer {
 public:
  virtual ~PlanTimer() = default;
  // graph must outlive it. Null where there is not enough memory.
  virtual std::unique_ptr<PlanRuns> Begin(cudnn_frontend::graph::Graph& graph) = 0;
};

// Where plans are made for: the GPU at hand, or one known by its properties alone, for which plans
// can be built but not run. Remembers what it built: the blocks of a network repeat.
class PlanTarget {
 public:
  virtual ~PlanTarget() = default;
  virtual cudnnContext* handle() const = 0;  // null without a card
  // Sets a graph up for the target.
  virtual void Prepare(cudnn_frontend::graph::Graph& graph) const = 0;

  std::unique_ptr<PlanTimer> timer;  // null: the heuristics alone choose
  std::unique_ptr<PlanCache> cache;  // null: nothing is kept
  std::function<void(const std::string&)> warn = [](const std::string&) {};

  // Notes what takes the place of a graph.
  void Replace(const std::string& graph, const std::string& instead) {
    if (const auto it = built.find(graph); it != built.end()) it->second.record.instead = instead;
  }

  // By the name of the graph, refused ones too.
  std::unordered_map<std::string, BuiltPlan> built;
};

struct PlanOptions {
  std::string cache;  // folder of what was chosen before; empty: none
  bool time = true;   // or take cuDNN's first
  std::function<void(const std::string&)> warn = [](const std::string&) {};
};

// The GPU's own, bound to a stream of the context on which plans are timed.
std::unique_ptr<PlanTarget> OpenGpuTarget(void* stream, const PlanOptions& options);
// From a JSON of cuDNN's device properties; sm is 80 for compute capability 8.0. Throws
// Status::kInvalid if cuDNN does not take the properties.
std::unique_ptr<PlanTarget> DescribedTarget(const std::string& properties, int sm);

// Tensors of a graph by number.
using PlanPack = std::unordered_map<int64_t, void*>;

// A cuDNN graph with the engine that runs it: the one that the target's cache names, else the
// fastest of those that cuDNN's heuristics offer (plan_choice.h). Engines whose sums are not the
// same in each run, are kept in less than f32 or come of Winograd's larger tiles are left out.
class CudnnPlan {
 public:
  // name tells the graph from every other.
  CudnnPlan(PlanTarget& target, const std::string& name,
            const std::shared_ptr<cudnn_frontend::graph::Graph>& graph);
  const std::string& name() const { return plan_.record.graph; }
  bool refused() const { return !plan_.record.refusal.empty(); }
  // Throws Status::kUnavailable with cuDNN's words when no engine takes the graph.
  void Require() const;
  size_t workspace() const { return static_cast<size_t>(plan_.record.workspace); }
  // Enqueues. REQUIRES: not refused, a target with a card.
  void Run(const PlanTarget& target, PlanPack& pack, void* workspace) const;

 private:
  BuiltPlan plan_;
};

}  // namespace ssd
