// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "model/network.h"

#include <algorithm>

#include "core/error.h"

namespace ssd {

namespace {

constexpr int kAlways = 1 << 30;

size_t Index(int id) { return static_cast<size_t>(id); }

}  // namespace

Network::Network(const Graph& graph, Backend& backend, const Parameters& parameters, int64_t batch,
                 Mode mode, size_t extra_scratch)
    : graph_(mode == Mode::kTrain ? graph : FoldBatchNorm(graph)),
      backend_(backend),
      parameters_(parameters),
      batch_(batch),
      training_(mode == Mode::kTrain) {
  MakeOps();
  PlanMemory(extra_scratch);
  memory_ = backend_.Allocate(plan_.Pack());
  BindOps();
}

ValueDesc Network::Desc(ValueId value) const {
  const Value& v = graph_.values[Index(value)];
  return {batch_, v.channels, v.height, v.width, v.layout};
}

void Network::MakeOps() {
  for (const Node& node : graph_.nodes) {
    const ValueDesc x = Desc(InputOf(node)), y = Desc(OutputOf(node));
    if (const auto* conv = std::get_if<ConvNode>(&node)) {
      steps_.push_back({backend_.MakeConv({.x = x,
                                           .y = y,
                                           .kernel = conv->kernel,
                                           .stride = conv->stride,
                                           .pad = conv->pad,
                                           .bias = conv->bias != kNone,
                                           .relu = conv->relu,
                                           .residual = conv->residual != kNone,
                                           .fold = conv->statistic != kNone,
                                           .eps = kBatchNormEps,
                                           .training = training_,
                                           .input_gradient = conv->x != graph_.image}),
                        y.layout == Layout::kHead ? "head" : "conv"});
    } else if (const auto* norm = std::get_if<BatchNormNode>(&node)) {
      steps_.push_back({backend_.MakeBatchNorm({.x = x,
                                                .eps = kBatchNormEps,
                                                .momentum = kBatchNormMomentum,
                                                .relu = norm->relu,
                                                .residual = norm->residual != kNone,
                                                .training = training_}),
                        "batch_norm"});
    } else {
      const auto& pool = std::get<MaxPoolNode>(node);
      steps_.push_back({backend_.MakeMaxPool({.x = x,
                                              .y = y,
                                              .kernel = pool.kernel,
                                              .stride = pool.stride,
                                              .pad = pool.pad,
                                              .training = training_}),
                        "max_pool"});
    }
  }
  int64_t end = 0;
  for (size_t i = 0; i < steps_.size(); ++i) {
    steps_[i].final_from = end;
    end = std::max(end, ParametersEnd(graph_.nodes[i]));
  }
}

// The end, in the arena, of the parameters of a node; 0 if it has none.
int64_t Network::ParametersEnd(const Node& node) const {
  int64_t end = 0;
  const auto add = [&](ParamId id) {
    if (id == kNone) return;
    const Param& param = graph_.params[Index(id)];
    end = std::max(end, param.offset + param.size());
  };
  if (const auto* conv = std::get_if<ConvNode>(&node)) {
    add(conv->weight);
    add(conv->bias);
  } else if (const auto* norm = std::get_if<BatchNormNode>(&node)) {
    add(norm->gamma);
    add(norm->beta);
  }
  return end;
}

// The schedule: node i forward at time i, the loss at time n, node i backward at 2n - i.
int Network::BackwardTime(size_t node) const { return static_cast<int>(2 * steps_.size() - node); }

void Network::PlanMemory(size_t extra_scratch) {
  const size_t n = graph_.nodes.size();
  const int loss = static_cast<int>(n);
  values_.assign(graph_.values.size(), kNone);
  dvalues_.resize(graph_.values.size());
  blocks_.resize(n);
  values_[Index(graph_.image)] = plan_.Add(backend_.Bytes(Desc(graph_.image)), 0, kAlways);

  size_t scratch = extra_scratch;
  std::vector<int> producer(graph_.values.size(), kNone);
  for (size_t i = 0; i < n; ++i) {
    const Node& node = graph_.nodes[i];
    const int now = static_cast<int>(i);
    const Op::Needs needs = steps_[i].op->needs();
    scratch = std::max(scratch, needs.scratch);
    const ValueId x = InputOf(node), y = OutputOf(node), residual = ResidualOf(node);
    producer[Index(y)] = now;
    const bool head = graph_.values[Index(y)].layout == Layout::kHead;
    values_[Index(y)] = plan_.Add(backend_.Bytes(Desc(y)), now, head ? kAlways : now);
    plan_.Extend(values_[Index(x)], now);
    if (residual != kNone) plan_.Extend(values_[Index(residual)], now);
    if (!training_) continue;
    const auto* conv = std::get_if<ConvNode>(&node);
    if (conv != nullptr && conv->relu) plan_.Extend(values_[Index(y)], BackwardTime(i));
    if (!std::holds_alternative<MaxPoolNode>(node))
      plan_.Extend(values_[Index(x)], BackwardTime(i));
    blocks_[i].saved = plan_.Add(needs.saved, now, BackwardTime(i));
  }
  if (training_) {
    for (const ValueId head : graph_.heads) {
      ValueDesc desc = Desc(head);
      desc.layout = Layout::kHeadGradient;
      dvalues_[Index(head)].push_back(
          plan_.Add(backend_.Bytes(desc), loss, BackwardTime(Index(producer[Index(head)]))));
    }
    const auto gradient_of = [&](ValueId value, int from) {
      const MemoryPlan::Block block =
          plan_.Add(backend_.Bytes(Desc(value)), from, BackwardTime(Index(producer[Index(value)])));
      dvalues_[Index(value)].push_back(block);
      return block;
    };
    for (size_t i = n; i-- > 0;) {
      const Node& node = graph_.nodes[i];
      if (InputOf(node) != graph_.image)
        blocks_[i].dx = gradient_of(InputOf(node), BackwardTime(i));
      if (ResidualOf(node) != kNone)
        blocks_[i].dresidual = gradient_of(ResidualOf(node), BackwardTime(i));
    }
  }
  scratch_ = plan_.Add(scratch, 0, kAlways);
}

void Network::BindParameters(const Node& node, OpArgs& args) const {
  const auto weight = [&](ParamId id) {
    return id == kNone ? nullptr : parameters_.weights() + graph_.params[Index(id)].offset;
  };
  const auto gradient = [&](ParamId id) {
    return id == kNone ? nullptr : parameters_.gradients() + graph_.params[Index(id)].offset;
  };
  const auto bind_norm = [&](ParamId gamma, ParamId beta, StatisticId id) {
    if (id == kNone) return;
    args.gamma = weight(gamma);
    args.beta = weight(beta);
    args.dgamma = gradient(gamma);
    args.dbeta = gradient(beta);
    const Statistic& statistic = graph_.statistics[Index(id)];
    args.running_mean = parameters_.statistics() + statistic.mean();
    args.running_var = parameters_.statistics() + statistic.variance();
  };
  if (const auto* conv = std::get_if<ConvNode>(&node)) {
    args.weight = weight(conv->weight);
    args.bias = weight(conv->bias);
    args.dweight = gradient(conv->weight);
    args.dbias = gradient(conv->bias);
    bind_norm(conv->gamma, conv->beta, conv->statistic);
  } else if (const auto* norm = std::get_if<BatchNormNode>(&node)) {
    bind_norm(norm->gamma, norm->beta, norm->statistic);
  }
}

void Network::BindOps() {
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Node& node = graph_.nodes[i];
    OpArgs args;
    args.x = At(values_[Index(InputOf(node))]);
    args.y = At(values_[Index(OutputOf(node))]);
    if (ResidualOf(node) != kNone) args.residual = At(values_[Index(ResidualOf(node))]);
    for (const auto block : dvalues_[Index(OutputOf(node))]) args.dy.push_back(At(block));
    args.dx = At(blocks_[i].dx);
    args.dresidual = At(blocks_[i].dresidual);
    args.saved = At(blocks_[i].saved);
    args.scratch = At(scratch_);
    BindParameters(node, args);
    steps_[i].op->Bind(args);
  }
}

void* Network::At(MemoryPlan::Block block) const {
  return block == kNone ? nullptr : static_cast<std::byte*>(memory_->data()) + plan_.offset(block);
}

const float* Network::head(int64_t map) const {
  return static_cast<const float*>(At(values_[Index(graph_.heads[static_cast<size_t>(map)])]));
}

HostView Network::HostHead(int64_t map) const {
  const ValueId head = graph_.heads[static_cast<size_t>(map)];
  return {backend_, static_cast<float*>(At(values_[static_cast<size_t>(head)])),
          static_cast<int64_t>(backend_.Bytes(Desc(head)) / sizeof(float))};
}

void* Network::head_gradient(int64_t map) const {
  SSD_CHECK(training_);
  return At(dvalues_[Index(graph_.heads[static_cast<size_t>(map)])].front());
}

void Network::Forward(OpProfile* profile) {
  for (Step& step : steps_)
    Timed(profile, backend_, step.kind, " forward", [&] { step.op->Forward(); });
}

void Network::Backward(OpProfile* profile, const OnFinal& on_final) {
  SSD_CHECK(training_);
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    Timed(profile, backend_, step->kind, " backward", [&] { step->op->Backward(); });
    if (on_final) on_final(step->final_from);
  }
}

void Network::ConvolutionsOnly() {
  const auto convolution = [&](size_t i) {
    return std::holds_alternative<ConvNode>(graph_.nodes[i]);
  };
  for (size_t i = 0; i < steps_.size(); ++i)
    if (convolution(i)) steps_[i].op->Forward();
  for (size_t i = steps_.size(); i-- > 0;)
    if (training_ && convolution(i)) steps_[i].op->Backward();
}

void Network::Refresh() {
  for (Step& step : steps_) step.op->Refresh();
}

}  // namespace ssd
