// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "model/graph_builder.h"

namespace ssd {

namespace {

int64_t Extent(int64_t size, int64_t kernel, int64_t stride, int64_t pad) {
  return (size + 2 * pad - kernel) / stride + 1;
}

}  // namespace

ValueId GraphBuilder::AddValue(Value value) {
  graph_.values.push_back(std::move(value));
  return static_cast<ValueId>(graph_.values.size()) - 1;
}

ParamId GraphBuilder::AddParam(std::string name, std::vector<int64_t> shape, Init init,
                               int64_t fan_in) {
  Param param{std::move(name), std::move(shape), init, fan_in, graph_.param_floats};
  graph_.param_floats += ArenaFloats(param.size());
  graph_.params.push_back(std::move(param));
  return static_cast<ParamId>(graph_.params.size()) - 1;
}

ValueId GraphBuilder::Image(int64_t channels, int64_t size) {
  return graph_.image = AddValue({"image", channels, size, size, Layout::kImage});
}

ValueId GraphBuilder::Conv(const std::string& name, ValueId x, const ConvShape& shape) {
  const Value in = graph_.values[static_cast<size_t>(x)];
  const int64_t fan_in = in.channels * shape.kernel * shape.kernel;
  ConvNode node{};
  node.x = x;
  node.weight =
      AddParam(name + "_weight", {shape.out_channels, in.channels, shape.kernel, shape.kernel},
               shape.init, fan_in);
  node.bias =
      shape.bias ? AddParam(name + "_bias", {shape.out_channels}, Init::kBias, fan_in) : kNone;
  node.kernel = shape.kernel;
  node.stride = shape.stride;
  node.pad = shape.pad;
  node.relu = shape.relu;
  node.y =
      AddValue({name, shape.out_channels, Extent(in.height, shape.kernel, shape.stride, shape.pad),
                Extent(in.width, shape.kernel, shape.stride, shape.pad), shape.layout});
  graph_.nodes.push_back(node);
  return node.y;
}

ValueId GraphBuilder::BatchNorm(const std::string& name, ValueId x, bool relu, ValueId residual,
                                Init gamma) {
  const Value in = graph_.values[static_cast<size_t>(x)];
  BatchNormNode node{};
  node.x = x;
  node.residual = residual;
  node.relu = relu;
  node.gamma = AddParam(name + "_gamma", {in.channels}, gamma, 0);
  node.beta = AddParam(name + "_beta", {in.channels}, Init::kZero, 0);
  node.statistic = static_cast<StatisticId>(graph_.statistics.size());
  graph_.statistics.push_back({name, in.channels, graph_.statistic_floats});
  graph_.statistic_floats += 2 * ArenaFloats(in.channels);
  node.y = AddValue({name, in.channels, in.height, in.width});
  graph_.nodes.push_back(node);
  return node.y;
}

ValueId GraphBuilder::MaxPool(ValueId x, int64_t kernel, int64_t stride, int64_t pad) {
  const Value in = graph_.values[static_cast<size_t>(x)];
  const ValueId y = AddValue({"max_pool", in.channels, Extent(in.height, kernel, stride, pad),
                              Extent(in.width, kernel, stride, pad)});
  graph_.nodes.push_back(MaxPoolNode{x, y, kernel, stride, pad});
  return y;
}

void GraphBuilder::Head(const std::string& name, ValueId map, int64_t shapes) {
  graph_.heads.push_back(Conv(name, map,
                              {.out_channels = shapes * (kClasses + 4),
                               .kernel = 3,
                               .pad = 1,
                               .bias = true,
                               .init = Init::kHead,
                               .layout = Layout::kHead}));
}

}  // namespace ssd
