// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "model/fusion.h"

#include <algorithm>

namespace ssd {

namespace {

constexpr int64_t kStatisticsKernel = 3;  // the largest that gives statistics

}  // namespace

Fusions::Fusions(const Graph& graph, bool enabled)
    : enabled_(enabled), producers_(graph.values.size()), consumers_(graph.values.size()) {
  for (const Node& node : graph.nodes) {
    producers_[static_cast<size_t>(OutputOf(node))] = &node;
    for (const ValueId read : {InputOf(node), ResidualOf(node)})
      if (read != kNone) consumers_[static_cast<size_t>(read)].push_back(&node);
  }
}

const ConvNode* Fusions::StatisticsFrom(const BatchNormNode& norm) const {
  const Node* node = Producer(norm.x);
  const auto* conv = node == nullptr ? nullptr : std::get_if<ConvNode>(node);
  return enabled_ && conv != nullptr && conv->kernel <= kStatisticsKernel ? conv : nullptr;
}

bool Fusions::GivesStatistics(const ConvNode& conv) const {
  return std::ranges::any_of(Consumers(conv.y), [&](const Node* node) {
    const auto* norm = std::get_if<BatchNormNode>(node);
    return norm != nullptr && norm->x == conv.y && StatisticsFrom(*norm) == &conv;
  });
}

const ConvNode* Fusions::NormalisedBy(const BatchNormNode& norm) const {
  if (!norm.relu || norm.residual != kNone || Consumers(norm.y).size() != 1) return nullptr;
  return FinishedBy(norm.y);
}

const BatchNormNode* Fusions::Normalises(const ConvNode& conv) const {
  const Node* node = Producer(conv.x);
  const auto* norm = node == nullptr ? nullptr : std::get_if<BatchNormNode>(node);
  return norm != nullptr && NormalisedBy(*norm) == &conv ? norm : nullptr;
}

const ConvNode* Fusions::FinishedBy(ValueId value) const {
  if (!enabled_ || Producer(value) == nullptr || Consumers(value).empty()) return nullptr;
  const auto* conv = std::get_if<ConvNode>(Consumers(value).front());
  return conv != nullptr && conv->x == value ? conv : nullptr;
}

}  // namespace ssd
