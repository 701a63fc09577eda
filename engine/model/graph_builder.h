// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "model/graph.h"

namespace ssd {

// Adds nodes to a graph and hands out offsets in its arenas. Names are full parameter prefixes:
// Conv("ssd0_expand_conv0", ...) makes ssd0_expand_conv0_weight.
class GraphBuilder {
 public:
  struct ConvShape {
    int64_t out_channels, kernel, stride = 1, pad = 0;
    bool bias = false, relu = false;
    Init init = Init::kHe;
    Layout layout = Layout::kActivation;
  };

  ValueId Image(int64_t channels, int64_t size);
  ValueId Conv(const std::string& name, ValueId x, const ConvShape& shape);
  ValueId BatchNorm(const std::string& name, ValueId x, bool relu, ValueId residual = kNone,
                    Init gamma = Init::kOne);
  ValueId MaxPool(ValueId x, int64_t kernel, int64_t stride, int64_t pad);
  // The 3x3 convolution to the scores and offsets of the next feature map: shapes default boxes a
  // cell.
  void Head(const std::string& name, ValueId map, int64_t shapes);
  Graph Take() { return std::move(graph_); }

 private:
  ValueId AddValue(Value value);
  ParamId AddParam(std::string name, std::vector<int64_t> shape, Init init, int64_t fan_in);

  Graph graph_;
};

// The backbone up to layer3: returns its output [256, 38, 38].
ValueId AddResNet34(GraphBuilder& builder, ValueId image);

}  // namespace ssd
