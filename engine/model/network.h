// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "model/fusion.h"
#include "model/graph.h"
#include "model/memory_plan.h"
#include "model/parameters.h"

namespace ssd {

// Time by kind of op ("conv forward"), summed over steps. Filling it synchronises after every op.
struct OpProfile {
  struct Entry {
    double ms = 0;
    int64_t calls = 0;
  };
  void Add(const std::string& kind, std::chrono::duration<double, std::milli> time) {
    auto& entry = entries[kind];
    entry.ms += time.count();
    ++entry.calls;
  }
  std::map<std::string, Entry> entries;
};

// Calls f; with a profile, waits for the backend and adds the time under kind + pass.
template <typename F>
void Timed(OpProfile* profile, Backend& backend, const char* kind, const char* pass, F f) {
  if (profile == nullptr) return f();
  const auto start = std::chrono::steady_clock::now();
  f();
  backend.Synchronize();
  profile->Add(std::string(kind) + pass, std::chrono::steady_clock::now() - start);
}

// A graph planned for one backend, batch and mode: ops bound to addresses in one block of memory.
// Forward, Backward and Refresh allocate nothing.
//
// Training: values live until the backward pass has read them (a convolution reads its input, and
// its output if it has a ReLU; a BatchNorm its input; a max-pool neither), gradients until their
// producer has. Inference takes the folded graph and keeps next to nothing. On a backend that
// fuses, neighbours work for each other as model/fusion.h says: a normalised map that one
// convolution reads takes no memory. On one that keeps rests, residual blocks do
// (docs/decisions/0005-rests.md).
class Network {
 public:
  enum class Mode { kTrain, kInfer };
  // parameters must outlive the network and have the same params and statistics as graph.
  // extra_scratch: bytes that the caller wants in scratch(), for its own ops between passes.
  Network(const Graph& graph, Backend& backend, const Parameters& parameters, int64_t batch,
          Mode mode, size_t extra_scratch);

  void Forward(OpProfile* profile = nullptr);
  // REQUIRES: kTrain, head gradients written. on_final, after every op: all gradients of the arena
  // from this offset on are final; the last time it is 0.
  using OnFinal = std::function<void(int64_t)>;
  void Backward(OpProfile* profile = nullptr, const OnFinal& on_final = {});
  void Refresh();  // after parameters changed by other means than SgdOp
  // Forward and backward of the convolutions alone, on whatever the buffers hold: the limit that a
  // benchmark compares a step with.
  void ConvolutionsOnly();

  int64_t batch() const { return batch_; }
  void* image() const { return At(values_[static_cast<size_t>(graph_.image)]); }
  size_t image_bytes() const { return backend_.Bytes(Desc(graph_.image)); }
  ValueDesc Desc(ValueId value) const;
  const float* head(int64_t map) const;
  HostView HostHead(int64_t map) const;    // the same for the host
  void* head_gradient(int64_t map) const;  // Layout::kHeadGradient
  void* scratch() const { return At(scratch_); }
  size_t memory_bytes() const { return memory_->size(); }

 private:
  struct Step {
    std::unique_ptr<Op> op;
    const char* kind;
    int64_t final_from = 0;  // gradients at this offset and above are final after its Backward
  };

  void MakeOps();
  ConvDesc DescOf(const ConvNode& conv) const;
  BatchNormDesc DescOf(const BatchNormNode& norm) const;
  void PlanMemory(size_t extra_scratch);
  void PlanGradients();
  void BindOps();
  bool KeepsRest(ValueId value) const;
  int BackwardTime(size_t node) const;
  int BackwardTime(const Node& node) const;
  size_t IndexOf(const Node& node) const;
  int64_t ParametersEnd(const Node& node) const;
  void* At(MemoryPlan::Block block) const;
  void BindParameters(const Node& node, OpArgs& args) const;
  void BindFusions(const Node& node, OpArgs& args) const;

  const Graph graph_;
  Backend& backend_;
  const Parameters& parameters_;
  const int64_t batch_;
  const bool training_;
  const Fusions fusions_;

  std::vector<Step> steps_;  // parallel to graph_.nodes
  MemoryPlan plan_;
  std::unique_ptr<DeviceMemory> memory_;
  std::vector<MemoryPlan::Block> values_, rests_;        // by ValueId
  std::vector<std::vector<MemoryPlan::Block>> dvalues_;  // by ValueId: what its producer reads
  std::vector<std::vector<MemoryPlan::Block>> terms_;    // and the convolution that finishes it
  struct NodeBlocks {
    MemoryPlan::Block saved = kNone, sums = kNone, dx = kNone, dresidual = kNone;
  };
  std::vector<NodeBlocks> blocks_;  // parallel to graph_.nodes
  MemoryPlan::Block scratch_ = kNone;
};

}  // namespace ssd
