// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "model/graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "model/ssd300.h"

namespace ssd {
namespace {

// Section 12: the names, from their ranges.
std::set<std::string> LogNames() {
  std::set<std::string> names;
  const std::string net = "ssd0_resnetmlperf0_";
  const auto block = [&](const std::string& prefix, int layers) {
    for (int n = 0; n < layers; ++n) {
      names.insert(prefix + "conv" + std::to_string(n) + "_weight");
      names.insert(prefix + "batchnorm" + std::to_string(n) + "_gamma");
      names.insert(prefix + "batchnorm" + std::to_string(n) + "_beta");
    }
  };
  block(net, 1);
  block(net + "stage1_", 6);
  block(net + "stage2_", 9);
  block(net + "stage3_", 13);
  for (const char* part : {"weight", "bias"}) {
    for (int i = 0; i < 5; ++i) {
      names.insert("ssd0_expand_trans_conv" + std::to_string(i) + "_" + part);
      names.insert("ssd0_expand_conv" + std::to_string(i) + "_" + part);
    }
    for (int k = 0; k < 6; ++k)
      names.insert("ssd0_convpredictor" + std::to_string(k) + "_conv0_" + part);
  }
  return names;
}

TEST(Ssd300, HasTheTensorsOfTheLog) {
  const Graph graph = BuildSsd300();
  std::set<std::string> names;
  int64_t backbone = 0, extra = 0, heads = 0;
  for (const Param& param : graph.params) {
    names.insert(param.name);
    (param.name.find("resnet") != std::string::npos   ? backbone
     : param.name.find("expand") != std::string::npos ? extra
                                                      : heads) += param.size();
  }
  EXPECT_EQ(graph.params.size(), 119u);
  EXPECT_EQ(names, LogNames());
  EXPECT_EQ(backbone, 8170304);
  EXPECT_EQ(extra, 3574400);
  EXPECT_EQ(heads, 8227830);
}

TEST(Ssd300, ShapesOfTheFeatureMaps) {
  const Graph graph = BuildSsd300();
  ASSERT_EQ(graph.heads.size(), 6u);
  int64_t boxes = 0;
  for (int k = 0; k < 6; ++k) {
    const Value& head = graph.values[static_cast<size_t>(graph.heads[static_cast<size_t>(k)])];
    EXPECT_EQ(head.height, kMapSize[k]);
    EXPECT_EQ(head.width, kMapSize[k]);
    EXPECT_EQ(head.channels, 85 * kMapShapes[k]);
    EXPECT_EQ(boxes, kMapFirst[k]);
    boxes += head.height * head.width * kMapShapes[k];
  }
  EXPECT_EQ(boxes, kDefaultBoxes);
}

// Multiply-adds of all convolutions: 31.72 GFLOP an image forward, 94.75 in training.
TEST(Ssd300, OperationsAnImage) {
  const Graph graph = BuildSsd300();
  double forward = 0, training = 0;
  int convolutions = 0;
  for (const Node& node : graph.nodes) {
    const auto* conv = std::get_if<ConvNode>(&node);
    if (conv == nullptr) continue;
    ++convolutions;
    const Value& y = graph.values[static_cast<size_t>(conv->y)];
    const double flops =
        2.0 * static_cast<double>(y.height * y.width) *
        static_cast<double>(graph.params[static_cast<size_t>(conv->weight)].size());
    forward += flops;
    training += flops * (conv->x == graph.image ? 2 : 3);
  }
  EXPECT_EQ(convolutions, 45);
  EXPECT_NEAR(forward / 1e9, 31.72, 0.005);
  EXPECT_NEAR(training / 1e9, 94.75, 0.05);
}

TEST(Ssd300, OffsetsAreAlignedAndDisjoint) {
  const Graph graph = BuildSsd300();
  int64_t end = 0;
  for (const Param& param : graph.params) {
    EXPECT_EQ(param.offset % 16, 0);
    EXPECT_GE(param.offset, end);
    end = param.offset + param.size();
  }
  EXPECT_GE(graph.param_floats, end);
}

TEST(FoldBatchNorm, EveryBackboneConvolutionTakesItsNorm) {
  const Graph graph = BuildSsd300();
  const Graph folded = FoldBatchNorm(graph);
  EXPECT_EQ(folded.nodes.size(), 46u);  // 45 convolutions, one max-pool
  std::set<ValueId> known{folded.image};
  size_t norms = 0, residuals = 0;
  for (const Node& node : folded.nodes) {
    ASSERT_FALSE(std::holds_alternative<BatchNormNode>(node));
    EXPECT_TRUE(known.contains(InputOf(node)));
    if (ResidualOf(node) != kNone) {
      EXPECT_TRUE(known.contains(ResidualOf(node)));
      ++residuals;
    }
    if (const auto* conv = std::get_if<ConvNode>(&node)) norms += conv->statistic != kNone;
    known.insert(OutputOf(node));
  }
  EXPECT_EQ(norms, graph.statistics.size());
  EXPECT_EQ(residuals, 13u);
  for (const ValueId head : folded.heads) EXPECT_TRUE(known.contains(head));
}

}  // namespace
}  // namespace ssd
