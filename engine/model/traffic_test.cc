// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "model/traffic.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "model/graph_builder.h"
#include "model/ssd300.h"

namespace ssd {
namespace {

const Traffic* Find(const std::vector<Traffic>& rows, const std::string& name,
                    const std::string& kind, Pass pass) {
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const Traffic& t) {
    return t.name == name && t.kind == kind && t.pass == pass;
  });
  return row == rows.end() ? nullptr : &*row;
}

void ExpectRow(const std::vector<Traffic>& rows, const Traffic& want) {
  SCOPED_TRACE(want.name + " " + want.kind + " pass " +
               std::to_string(static_cast<int>(want.pass)));
  const Traffic* row = Find(rows, want.name, want.kind, want.pass);
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->flops, want.flops);
  EXPECT_EQ(row->bytes_unfused, want.bytes_unfused);
  EXPECT_EQ(row->bytes_fused, want.bytes_fused);
  EXPECT_EQ(row->fused_into, want.fused_into);
}

struct Sum {
  int64_t flops = 0, unfused = 0, fused = 0;
};
Sum Total(const std::vector<Traffic>& rows, bool inference) {
  Sum sum;
  for (const Traffic& t : rows) {
    if ((t.pass == Pass::kInference) != inference) continue;
    sum.flops += t.flops;
    sum.unfused += t.bytes_unfused;
    sum.fused += t.bytes_fused;
  }
  return sum;
}

// Two images. Sizes in bytes: image 2*4*300*300*2, conv0 2*64*150*150*2, layer1 2*64*75*75*2.
constexpr int64_t kImage = 1'440'000, kConv0 = 5'760'000, kLayer1 = 1'440'000;
constexpr Pass kForward = Pass::kForward, kData = Pass::kDataGradient,
               kWeight = Pass::kWeightGradient, kUpdate = Pass::kUpdate, kInfer = Pass::kInference;
const std::string kNet = "ssd0_resnetmlperf0_", kStage = kNet + "stage1_";

// The 7x7 gives no statistics and no data gradient; its BatchNorm feeds the max-pool, so it is a
// node of its own, with the ReLU in it.
TEST(Traffic, FirstConvolution) {
  const auto rows = TrafficOf(BuildSsd300(), 2);
  const std::string conv = kNet + "conv0", norm = kNet + "batchnorm0";
  constexpr int64_t kFilter = 64 * 4 * 49 * 2, kFlops = int64_t{2} * 2 * 150 * 150 * 64 * 3 * 49;
  const int64_t bytes = kImage + kConv0 + kFilter;
  ExpectRow(rows, {conv, "conv", kForward, kFlops, bytes, bytes, ""});
  ExpectRow(rows, {conv, "conv", kWeight, kFlops, bytes, bytes, ""});
  EXPECT_EQ(Find(rows, conv, "conv", kData), nullptr);
  ExpectRow(rows, {norm, "statistics", kForward, 0, kConv0 + 1536, kConv0 + 1536, ""});
  ExpectRow(rows, {norm, "normalise", kForward, 0, 2 * kConv0 + 1024, 2 * kConv0 + 1024, ""});
  ExpectRow(rows, {norm, "relu", kForward, 0, 2 * kConv0, 0, norm});
  ExpectRow(rows, {norm, "relu", kData, 0, 3 * kConv0, 0, norm});
  ExpectRow(rows, {norm, "statistics", kData, 0, 2 * kConv0 + 1024, 2 * kConv0 + 1024, ""});
  ExpectRow(rows, {norm, "normalise", kData, 0, 3 * kConv0 + 1280, 3 * kConv0 + 1280, ""});
  // One byte an output for the winner.
  const int64_t pool = kConv0 + kLayer1 + kLayer1 / 2;
  ExpectRow(rows, {"max_pool", "max_pool", kForward, 0, pool, pool, ""});
  ExpectRow(rows, {"max_pool", "max_pool", kData, 0, pool, pool, ""});
  ExpectRow(rows, {"max_pool", "gradient_sum", kData, 0, 3 * kLayer1, kLayer1, kStage + "conv0"});
  // 64*3*49 weights at 20 bytes.
  ExpectRow(rows, {conv, "sgd", kUpdate, 0, 188'160, 188'160, ""});
  ExpectRow(rows, {norm, "normalise", kInfer, 0, 2 * kConv0 + 1024, 1024, conv});
}

// A block: the first BatchNorm disappears into its neighbours, the second is one pass with residual
// and ReLU.
TEST(Traffic, ResidualBlock) {
  const auto rows = TrafficOf(BuildSsd300(), 2);
  constexpr int64_t kFilter = 64 * 64 * 9 * 2, kBytes = 2 * kLayer1 + kFilter;
  constexpr int64_t kFlops = int64_t{2} * 2 * 75 * 75 * 64 * 64 * 9;
  for (const Pass pass : {kForward, kData, kWeight, kInfer})
    ExpectRow(rows, {kStage + "conv1", "conv", pass, kFlops, kBytes, kBytes, ""});

  const std::string first = kStage + "batchnorm0", second = kStage + "batchnorm1";
  ExpectRow(rows, {first, "statistics", kForward, 0, kLayer1 + 1536, 1536, kStage + "conv0"});
  ExpectRow(rows, {first, "normalise", kForward, 0, 2 * kLayer1 + 1024, 1024, kStage + "conv1"});
  ExpectRow(rows, {first, "relu", kForward, 0, 2 * kLayer1, 0, kStage + "conv1"});
  ExpectRow(rows, {first, "relu", kData, 0, 3 * kLayer1, kLayer1, kStage + "conv1"});
  ExpectRow(rows, {first, "statistics", kData, 0, 2 * kLayer1 + 1024, 1024, kStage + "conv1"});
  ExpectRow(rows, {first, "normalise", kData, 0, 3 * kLayer1 + 1280, 3 * kLayer1 + 1280, ""});

  ExpectRow(rows, {second, "statistics", kForward, 0, kLayer1 + 1536, 1536, kStage + "conv1"});
  ExpectRow(rows, {second, "normalise", kForward, 0, 2 * kLayer1 + 1024, 2 * kLayer1 + 1024, ""});
  ExpectRow(rows, {second, "add", kForward, 0, 3 * kLayer1, kLayer1, second});
  ExpectRow(rows, {second, "relu", kForward, 0, 2 * kLayer1, 0, second});
  ExpectRow(rows, {second, "gradient_sum", kData, 0, 3 * kLayer1, kLayer1, kStage + "conv2"});
  ExpectRow(rows, {second, "relu", kData, 0, 3 * kLayer1, kLayer1, kStage + "conv2"});
  ExpectRow(rows, {second, "statistics", kData, 0, 2 * kLayer1 + 1024, 2 * kLayer1 + 1024, ""});
  ExpectRow(rows, {second, "add", kInfer, 0, 3 * kLayer1, kLayer1, kStage + "conv1"});
}

// f32 maps padded to 344 channels, f16 gradients.
TEST(Traffic, Head) {
  const auto rows = TrafficOf(BuildSsd300(), 2);
  const std::string head = "ssd0_convpredictor0_conv0";
  constexpr int64_t kMap = 2 * 344 * 38 * 38 * 4, kX = 2 * 256 * 38 * 38 * 2;
  constexpr int64_t kFilter = 344 * 256 * 9 * 2, kBias = 344 * 4;
  constexpr int64_t kFlops = int64_t{2} * 2 * 38 * 38 * 340 * 256 * 9;
  ExpectRow(rows, {head, "conv", kForward, kFlops, kX + kMap + kFilter, kX + kMap + kFilter, ""});
  ExpectRow(rows, {head, "bias", kForward, 0, 2 * kMap + kBias, kBias, head});
  const int64_t gradient = kX + kMap / 2 + kFilter;
  ExpectRow(rows, {head, "conv", kData, kFlops, gradient, gradient, ""});
  ExpectRow(rows, {head, "conv", kWeight, kFlops, gradient, gradient, ""});
  ExpectRow(rows, {head, "bias", kWeight, 0, kMap / 2 + kBias, kMap / 2 + kBias, ""});
  // 344 channels on 1444 cells and 4 heads of 512 and 344 on 361 + 100 + 25, 9 + 1.
  constexpr int64_t kCells = 2 * (344 * (1444 + 9 + 1) + 512 * (361 + 100 + 25));
  ExpectRow(rows, {"detect", "detect", kInfer, 0, 4 * kCells, 4 * kCells, ""});
  const int64_t loss = 6 * kCells + 2 * 8732 * 20;
  ExpectRow(rows, {"multibox", "multibox", kData, 0, loss, loss, ""});
}

TEST(Traffic, BiasAndReluOfAnExtraLayer) {
  const auto rows = TrafficOf(BuildSsd300(), 2);
  const std::string squeeze = "ssd0_expand_trans_conv1", expand = "ssd0_expand_conv0";
  constexpr int64_t kSqueezed = 2 * 256 * 361 * 2, kExpanded = 2 * 512 * 361 * 2;
  ExpectRow(rows, {squeeze, "relu", kForward, 0, 2 * kSqueezed, 0, squeeze});
  ExpectRow(rows, {squeeze, "relu", kData, 0, 3 * kSqueezed, kSqueezed, "ssd0_expand_conv1"});
  EXPECT_EQ(Find(rows, squeeze, "gradient_sum", kData), nullptr);
  ExpectRow(rows, {expand, "gradient_sum", kData, 0, 3 * kExpanded, kExpanded, squeeze});
}

TEST(Traffic, TotalsOfTheNetwork) {
  constexpr int64_t kBatch = 114;
  const auto rows = TrafficOf(BuildSsd300(), kBatch);
  const auto an_image = [](int64_t n) { return static_cast<double>(n) / kBatch; };
  const Sum training = Total(rows, false), inference = Total(rows, true);
  EXPECT_NEAR(an_image(inference.flops) / 1e9, 31.72, 0.005);
  EXPECT_NEAR(an_image(training.flops) / 1e9, 94.75, 0.05);
  EXPECT_LE(an_image(training.fused) / 1e6, 300);
  EXPECT_NEAR(an_image(training.unfused) / 1e6, 459, 0.04 * 459);  // f16 heads, no loss, no bias
  EXPECT_LT(inference.fused, inference.unfused / 2);
}

// What is taken in stands in a kernel that stands for itself.
TEST(Traffic, FusionsEndInAKernel) {
  const auto rows = TrafficOf(BuildSsd300(), 3);
  for (const Traffic& t : rows) {
    EXPECT_LE(t.bytes_fused, t.bytes_unfused) << t.name << " " << t.kind;
    if (t.fused_into.empty()) {
      EXPECT_EQ(t.bytes_fused, t.bytes_unfused) << t.name << " " << t.kind;
      continue;
    }
    EXPECT_EQ(t.flops, 0);
    const Traffic* conv = Find(rows, t.fused_into, "conv", t.pass);
    const Traffic* host = conv ? conv : Find(rows, t.fused_into, "normalise", t.pass);
    ASSERT_NE(host, nullptr) << t.name << " " << t.kind << " into " << t.fused_into;
    EXPECT_EQ(host->fused_into, "");
  }
}

// A BatchNorm with two readers is written out; without a convolution before or behind it stands
// alone.
TEST(Traffic, WhatIsNotFused) {
  GraphBuilder builder;
  const ValueId image = builder.Image(3, 8);
  const ValueId conv = builder.Conv("conv", image, {.out_channels = 8, .kernel = 3, .pad = 1});
  const ValueId norm = builder.BatchNorm("norm", conv, true);
  const ValueId left = builder.Conv("left", norm, {.out_channels = 8, .kernel = 1});
  builder.BatchNorm("last", left, true, norm);
  const auto rows = TrafficOf(builder.Take(), 1);
  constexpr int64_t kMap = 8 * 8 * 8 * 2;
  ExpectRow(rows, {"norm", "normalise", kForward, 0, 2 * kMap + 128, 2 * kMap + 128, ""});
  ExpectRow(rows, {"norm", "relu", kForward, 0, 2 * kMap, 0, "norm"});
  ExpectRow(rows, {"norm", "relu", kData, 0, 3 * kMap, kMap, "left"});
  ExpectRow(rows, {"last", "relu", kData, 0, 3 * kMap, 3 * kMap, ""});
}

}  // namespace
}  // namespace ssd
