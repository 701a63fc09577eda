// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "backends/backend.h"

namespace ssd {

using ValueId = int;
using ParamId = int;
using StatisticId = int;
inline constexpr int kNone = -1;

// An activation of one image; the batch is chosen when a Network is planned.
struct Value {
  std::string name;
  int64_t channels, height, width;
  Layout layout = Layout::kActivation;
};

// How a parameter starts (spec section 4). Fans are products of channels and kernel area.
enum class Init : uint8_t {
  kHe,      // normal, std sqrt(2 / fan_out): backbone convolutions without a file
  kXavier,  // uniform +-sqrt(6 / (fan_in + fan_out)): extra layers
  kHead,    // Xavier, class part and offset part each with its own fan_out
  kBias,    // uniform +-1/sqrt(fan_in) of the convolution it belongs to
  kOne,
  kZero,
  kLastGamma,  // one, or zero when residual blocks start as identity
};

// What n floats take of an arena, where everything begins at 64 bytes.
constexpr int64_t ArenaFloats(int64_t n) { return (n + 15) / 16 * 16; }

struct Param {
  std::string name;            // as in the MLPerf log
  std::vector<int64_t> shape;  // convolutions OIHW
  Init init;
  int64_t fan_in;  // input channels x kernel area
  int64_t offset;  // in the arena, in floats; 64-byte aligned
  int64_t size() const {
    int64_t n = 1;
    for (const int64_t extent : shape) n *= extent;
    return n;
  }
};

// Running mean and variance of one BatchNorm: [channels] each, mean at offset, variance behind it.
struct Statistic {
  std::string name;  // of the BatchNorm
  int64_t channels;
  int64_t offset;  // in the arena of statistics, in floats
  int64_t mean() const { return offset; }
  int64_t variance() const { return offset + ArenaFloats(channels); }
};

struct ConvNode {
  ValueId x, y;
  ParamId weight, bias = kNone;
  int64_t kernel, stride, pad;
  bool relu = false;
  // Only in a folded graph: y = relu?(BatchNorm(w * x) + residual).
  ValueId residual = kNone;
  ParamId gamma = kNone, beta = kNone;
  StatisticId statistic = kNone;
};
struct BatchNormNode {
  ValueId x, y, residual = kNone;
  ParamId gamma, beta;
  StatisticId statistic;
  bool relu;
};
struct MaxPoolNode {
  ValueId x, y;
  int64_t kernel, stride, pad;
};
using Node = std::variant<ConvNode, BatchNormNode, MaxPoolNode>;

inline constexpr float kBatchNormEps = 1e-5f;
inline constexpr float kBatchNormMomentum = 0.9f;

// The network as data: ordered nodes over values. Built once by BuildSsd300, the same for every
// backend; what a device makes of it is decided in Network.
struct Graph {
  std::vector<Value> values;
  std::vector<Param> params;
  std::vector<Statistic> statistics;
  std::vector<Node> nodes;  // in an order of execution
  ValueId image = kNone;
  std::vector<ValueId> heads;  // per feature map
  int64_t param_floats = 0;    // size of the arenas
  int64_t statistic_floats = 0;
};

// For inference: every convolution that feeds only a BatchNorm takes it over, with its residual and
// ReLU. Parameters, statistics and their offsets stay as they are.
Graph FoldBatchNorm(const Graph& graph);

ValueId InputOf(const Node& node);
ValueId OutputOf(const Node& node);
ValueId ResidualOf(const Node& node);  // or kNone

}  // namespace ssd
