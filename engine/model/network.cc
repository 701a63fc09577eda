// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "model/network.h"

#include <algorithm>

#include "core/error.h"

namespace ssd {

namespace {

constexpr int kAlways = 1 << 30;

size_t Index(int id) { return static_cast<size_t>(id); }

bool HasRelu(const Node& node) {
  if (const auto* conv = std::get_if<ConvNode>(&node)) return conv->relu;
  const auto* norm = std::get_if<BatchNormNode>(&node);
  return norm != nullptr && norm->relu;
}

}  // namespace

Network::Network(const Graph& graph, Backend& backend, const Parameters& parameters, int64_t batch,
                 Mode mode, size_t extra_scratch)
    : graph_(mode == Mode::kTrain ? graph : FoldBatchNorm(graph)),
      backend_(backend),
      parameters_(parameters),
      batch_(batch),
      training_(mode == Mode::kTrain),
      fusions_(graph_, training_ && backend.fuses()) {
  MakeOps();
  PlanMemory(extra_scratch);
  memory_ = backend_.Allocate(plan_.Pack());
  BindOps();
}

ValueDesc Network::Desc(ValueId value) const {
  const Value& v = graph_.values[Index(value)];
  return {batch_, v.channels, v.height, v.width, v.layout};
}

ConvDesc Network::DescOf(const ConvNode& conv) const {
  ConvDesc desc = {.x = Desc(conv.x),
                   .y = Desc(conv.y),
                   .kernel = conv.kernel,
                   .stride = conv.stride,
                   .pad = conv.pad,
                   .bias = conv.bias != kNone,
                   .relu = conv.relu,
                   .residual = conv.residual != kNone,
                   .fold = conv.statistic != kNone,
                   .eps = kBatchNormEps,
                   .training = training_,
                   .input_gradient = conv.x != graph_.image,
                   .statistics = fusions_.GivesStatistics(conv),
                   .normalise = fusions_.Normalises(conv) != nullptr,
                   .finished = fusions_.FinishedBy(conv.y) != nullptr};
  if (fusions_.FinishedBy(conv.x) == &conv) {
    desc.dx_terms = static_cast<int64_t>(fusions_.Consumers(conv.x).size()) - 1;
    desc.dx_relu = !desc.normalise && HasRelu(*fusions_.Producer(conv.x));
  }
  return desc;
}

BatchNormDesc Network::DescOf(const BatchNormNode& norm) const {
  return {.x = Desc(norm.x),
          .eps = kBatchNormEps,
          .momentum = kBatchNormMomentum,
          .relu = norm.relu,
          .residual = norm.residual != kNone,
          .training = training_,
          .sums = fusions_.StatisticsFrom(norm) != nullptr,
          .deferred = fusions_.NormalisedBy(norm) != nullptr,
          .finished = fusions_.FinishedBy(norm.y) != nullptr,
          .residual_rest = KeepsRest(norm.residual),
          .y_rest = KeepsRest(norm.y)};
}

// A BatchNorm leaves it for the one that adds the value to its own.
bool Network::KeepsRest(ValueId value) const {
  if (value == kNone || !training_ || !backend_.keeps_rests()) return false;
  const Node* from = fusions_.Producer(value);
  return from != nullptr && std::holds_alternative<BatchNormNode>(*from) &&
         std::ranges::any_of(fusions_.Consumers(value),
                             [&](const Node* node) { return ResidualOf(*node) == value; });
}

void Network::MakeOps() {
  for (const Node& node : graph_.nodes) {
    if (const auto* conv = std::get_if<ConvNode>(&node)) {
      const ConvDesc desc = DescOf(*conv);
      steps_.push_back({backend_.MakeConv(desc), desc.y.layout == Layout::kHead ? "head" : "conv"});
    } else if (const auto* norm = std::get_if<BatchNormNode>(&node)) {
      steps_.push_back({backend_.MakeBatchNorm(DescOf(*norm)), "batch_norm"});
    } else {
      const auto& pool = std::get<MaxPoolNode>(node);
      steps_.push_back({backend_.MakeMaxPool({.x = Desc(pool.x),
                                              .y = Desc(pool.y),
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
int Network::BackwardTime(const Node& node) const { return BackwardTime(IndexOf(node)); }
size_t Network::IndexOf(const Node& node) const {
  return static_cast<size_t>(&node - graph_.nodes.data());
}

void Network::PlanMemory(size_t extra_scratch) {
  values_.assign(graph_.values.size(), kNone);
  rests_.assign(graph_.values.size(), kNone);
  blocks_.resize(graph_.nodes.size());
  values_[Index(graph_.image)] = plan_.Add(backend_.Bytes(Desc(graph_.image)), 0, kAlways);

  size_t scratch = extra_scratch;
  for (size_t i = 0; i < graph_.nodes.size(); ++i) {
    const Node& node = graph_.nodes[i];
    const int now = static_cast<int>(i);
    const Op::Needs needs = steps_[i].op->needs();
    scratch = std::max(scratch, needs.scratch);
    const ValueId x = InputOf(node), y = OutputOf(node), residual = ResidualOf(node);
    const auto* conv = std::get_if<ConvNode>(&node);
    const auto* norm = std::get_if<BatchNormNode>(&node);
    plan_.Extend(values_[Index(x)], now);
    if (residual != kNone) plan_.Extend(values_[Index(residual)], now);
    if (KeepsRest(residual)) plan_.Extend(rests_[Index(residual)], now);
    if (KeepsRest(y)) rests_[Index(y)] = plan_.Add(backend_.Bytes(Desc(y)), now, now);
    const bool deferred = norm != nullptr && fusions_.NormalisedBy(*norm) != nullptr;
    const bool head = graph_.values[Index(y)].layout == Layout::kHead;
    values_[Index(y)] = deferred ? values_[Index(x)]  // what reads y reads x
                                 : plan_.Add(backend_.Bytes(Desc(y)), now, head ? kAlways : now);
    if (!training_) continue;
    if (conv != nullptr && conv->relu && fusions_.FinishedBy(y) == nullptr)
      plan_.Extend(values_[Index(y)], BackwardTime(i));
    if (conv != nullptr && fusions_.GivesStatistics(*conv))
      blocks_[i].sums = plan_.Add(2 * static_cast<size_t>(Desc(y).channels) * sizeof(float), now,
                                  static_cast<int>(IndexOf(*fusions_.Consumers(y).back())));
    if (!std::holds_alternative<MaxPoolNode>(node))
      plan_.Extend(values_[Index(x)], BackwardTime(i));
    blocks_[i].saved = plan_.Add(needs.saved, now, BackwardTime(i));
  }
  if (training_) PlanGradients();
  scratch_ = plan_.Add(scratch, 0, kAlways);
}

// A term of a value's gradient lives from the consumer that writes it to the convolution that
// finishes the gradient, or to the producer.
void Network::PlanGradients() {
  dvalues_.resize(graph_.values.size());
  terms_.resize(graph_.values.size());
  for (const ValueId head : graph_.heads) {
    ValueDesc desc = Desc(head);
    desc.layout = Layout::kHeadGradient;
    dvalues_[Index(head)].push_back(plan_.Add(backend_.Bytes(desc),
                                              static_cast<int>(graph_.nodes.size()),
                                              BackwardTime(*fusions_.Producer(head))));
  }
  const auto add_term = [&](ValueId value, const Node& from, MemoryPlan::Block block) {
    const ConvNode* finish = fusions_.FinishedBy(value);
    const bool whole = finish == nullptr || finish == std::get_if<ConvNode>(&from);
    (whole ? dvalues_ : terms_)[Index(value)].push_back(block);
    plan_.Extend(block, BackwardTime(whole ? *fusions_.Producer(value)
                                           : *fusions_.Consumers(value).front()));
    return block;
  };
  for (size_t i = graph_.nodes.size(); i-- > 0;) {
    const Node& node = graph_.nodes[i];
    const auto gradient_of = [&](ValueId value) {
      return add_term(value, node,
                      plan_.Add(backend_.Bytes(Desc(value)), BackwardTime(i), BackwardTime(i)));
    };
    if (InputOf(node) != graph_.image) blocks_[i].dx = gradient_of(InputOf(node));
    if (ResidualOf(node) == kNone) continue;
    if (fusions_.FinishedBy(OutputOf(node)) == nullptr) {
      blocks_[i].dresidual = gradient_of(ResidualOf(node));
    } else {  // the gradient of y before its ReLU is the residual's, too
      add_term(ResidualOf(node), node, dvalues_[Index(OutputOf(node))].front());
    }
  }
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
    args.y_rest = At(rests_[Index(OutputOf(node))]);
    if (const ValueId residual = ResidualOf(node); residual != kNone) {
      args.residual = At(values_[Index(residual)]);
      args.residual_rest = At(rests_[Index(residual)]);
    }
    if (training_)
      for (const auto block : dvalues_[Index(OutputOf(node))]) args.dy.push_back(At(block));
    args.dx = At(blocks_[i].dx);
    args.dresidual = At(blocks_[i].dresidual);
    args.sums = static_cast<float*>(At(blocks_[i].sums));
    args.saved = At(blocks_[i].saved);
    args.scratch = At(scratch_);
    BindParameters(node, args);
    BindFusions(node, args);
    steps_[i].op->Bind(args);
  }
}

void Network::BindFusions(const Node& node, OpArgs& args) const {
  if (const auto* conv = std::get_if<ConvNode>(&node)) {
    if (fusions_.FinishedBy(conv->x) == conv)
      for (const auto block : terms_[Index(conv->x)]) args.dx_terms.push_back(At(block));
    if (fusions_.Normalises(*conv) == nullptr) return;
    const Node& norm = *fusions_.Producer(conv->x);
    BindParameters(norm, args);
    args.norm = At(blocks_[IndexOf(norm)].saved);
  } else if (const auto* norm = std::get_if<BatchNormNode>(&node)) {
    if (fusions_.StatisticsFrom(*norm) != nullptr)
      args.sums = static_cast<float*>(At(blocks_[IndexOf(*fusions_.Producer(norm->x))].sums));
    if (fusions_.NormalisedBy(*norm) != nullptr) args.y = nullptr;
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
  return {backend_, static_cast<float*>(At(values_[Index(head)])),
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
