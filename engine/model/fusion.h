// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "model/graph.h"

namespace ssd {

// Which nodes of a training graph do the work of a neighbour in passing, where the backend fuses.
// Both the plan of a Network and its account (TrafficOf) ask here.
class Fusions {
 public:
  // graph must outlive this. With enabled false nothing is fused.
  Fusions(const Graph& graph, bool enabled);

  // The convolution before a BatchNorm, if its epilogue sums what it writes: any but a 7x7 one.
  const ConvNode* StatisticsFrom(const BatchNormNode& norm) const;
  bool GivesStatistics(const ConvNode& conv) const;

  // The one convolution that reads the output of a BatchNorm with ReLU and normalises it in its
  // prologue: the output is never written. In its data gradient it also finds dgamma and dbeta.
  const ConvNode* NormalisedBy(const BatchNormNode& norm) const;
  const BatchNormNode* Normalises(const ConvNode& conv) const;  // the same from the other side

  // The convolution whose data gradient finishes the gradient of a value, with its other terms and
  // the gradient of its ReLU: the value's first consumer, the last one in the backward pass.
  const ConvNode* FinishedBy(ValueId value) const;

  // By ValueId; of the image the producer is null.
  const Node* Producer(ValueId value) const { return producers_[static_cast<size_t>(value)]; }
  const std::vector<const Node*>& Consumers(ValueId value) const {
    return consumers_[static_cast<size_t>(value)];
  }

 private:
  const bool enabled_;
  std::vector<const Node*> producers_;
  std::vector<std::vector<const Node*>> consumers_;
};

}  // namespace ssd
