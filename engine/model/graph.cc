// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "model/graph.h"

namespace ssd {

ValueId InputOf(const Node& node) {
  return std::visit([](const auto& n) { return n.x; }, node);
}

ValueId OutputOf(const Node& node) {
  return std::visit([](const auto& n) { return n.y; }, node);
}

ValueId ResidualOf(const Node& node) {
  if (const auto* conv = std::get_if<ConvNode>(&node)) return conv->residual;
  if (const auto* norm = std::get_if<BatchNormNode>(&node)) return norm->residual;
  return kNone;
}

Graph FoldBatchNorm(const Graph& graph) {
  Graph folded = graph;
  folded.nodes.clear();
  for (const Node& node : graph.nodes) {
    const auto* norm = std::get_if<BatchNormNode>(&node);
    if (norm == nullptr) {
      folded.nodes.push_back(node);
      continue;
    }
    // The convolution may stand further back (a shortcut is computed between): move it here, where
    // its residual is known.
    for (auto it = folded.nodes.begin(); it != folded.nodes.end(); ++it) {
      auto* conv = std::get_if<ConvNode>(&*it);
      if (conv == nullptr || conv->y != norm->x) continue;
      ConvNode merged = *conv;
      merged.y = norm->y;
      merged.residual = norm->residual;
      merged.gamma = norm->gamma;
      merged.beta = norm->beta;
      merged.statistic = norm->statistic;
      merged.relu = norm->relu;
      folded.nodes.erase(it);
      folded.nodes.push_back(merged);
      break;
    }
  }
  return folded;
}

}  // namespace ssd
