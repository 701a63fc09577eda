// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// What a Network asks of a backend that fuses, against the account of what is fused.
#include "model/fusion.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

#include "model/network.h"
#include "model/ssd300.h"
#include "model/traffic.h"
#include "testing/plain_backend.h"

namespace ssd {
namespace {

using testing::Asked;

class FusionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto backend = testing::MakePlainBackend(
        OpenBackend({.device = DeviceKind::kCpu, .precision = Precision::kF32, .threads = 1}),
        &asked_);
    const Parameters parameters(graph_, *backend);
    const Network network(graph_, *backend, parameters, 1, Network::Mode::kTrain, 0);
    for (Traffic& t : TrafficOf(graph_, 1)) rows_[{t.name, t.kind, t.pass}] = std::move(t);
    auto conv = asked_.convs.begin();
    for (const Node& node : graph_.nodes)
      if (std::holds_alternative<ConvNode>(node)) convs_[Name(OutputOf(node))] = *conv++;
  }

  const std::string& Name(ValueId id) const { return graph_.values[static_cast<size_t>(id)].name; }
  // The convolution that takes an operation in, or null.
  const ConvDesc* Taker(const std::string& name, const std::string& kind, Pass pass) const {
    const auto row = rows_.find({name, kind, pass});
    if (row == rows_.end()) return nullptr;
    const auto conv = convs_.find(row->second.fused_into);
    return conv == convs_.end() || conv->first == name ? nullptr : &conv->second;
  }

  const Graph graph_ = BuildSsd300();
  Asked asked_;
  std::map<std::tuple<std::string, std::string, Pass>, Traffic> rows_;
  std::map<std::string, ConvDesc> convs_;  // by the name of y
};

TEST_F(FusionTest, ANetworkAsksForWhatTheAccountSays) {
  std::map<const ConvDesc*, int> statistics, normalise, relu;
  std::map<const ConvDesc*, int64_t> terms;
  auto norm = asked_.norms.begin();
  for (const Node& node : graph_.nodes) {
    const std::string& name = Name(OutputOf(node));
    SCOPED_TRACE(name);
    const ConvDesc* masks = Taker(name, "relu", Pass::kDataGradient);
    const ConvDesc* sums = Taker(name, "gradient_sum", Pass::kDataGradient);
    if (sums != nullptr) {
      const Traffic& row = rows_.at({name, "gradient_sum", Pass::kDataGradient});
      const int64_t map = row.bytes_unfused - row.bytes_fused;  // terms + 1 less terms - 1, halved
      terms[sums] += row.bytes_fused / (map / 2);
    }
    if (std::holds_alternative<BatchNormNode>(node)) {
      const ConvDesc* before = Taker(name, "statistics", Pass::kForward);
      const ConvDesc* behind = Taker(name, "normalise", Pass::kForward);
      EXPECT_EQ(norm->sums, before != nullptr);
      EXPECT_EQ(norm->deferred, behind != nullptr);
      EXPECT_EQ(behind, Taker(name, "statistics", Pass::kDataGradient));
      EXPECT_EQ(norm->finished, masks != nullptr);
      if (before != nullptr) ++statistics[before];
      if (behind != nullptr) ++normalise[behind];
      if (masks != nullptr && masks != behind) ++relu[masks];
      ++norm;
    } else if (std::holds_alternative<ConvNode>(node)) {
      EXPECT_EQ(convs_.at(name).finished, masks != nullptr);
      if (masks != nullptr) ++relu[masks];
    }
  }
  for (const auto& [name, conv] : convs_) {
    SCOPED_TRACE(name);
    EXPECT_EQ(conv.statistics, statistics.contains(&conv));
    EXPECT_EQ(conv.normalise, normalise.contains(&conv));
    EXPECT_EQ(conv.dx_relu, relu.contains(&conv));
    EXPECT_EQ(conv.dx_terms, terms[&conv]);
  }
}

// ResNet-34 up to its third stage: 29 BatchNorms, of which all but the first follow a 3x3 or 1x1
// convolution and one of each of the 13 blocks stands between two convolutions.
TEST_F(FusionTest, OfTheNetwork) {
  int sums = 0, deferred = 0;
  for (const BatchNormDesc& norm : asked_.norms) {
    sums += norm.sums;
    deferred += norm.deferred;
  }
  EXPECT_EQ(asked_.norms.size(), 29u);
  EXPECT_EQ(sums, 28);
  EXPECT_EQ(deferred, 13);
}

// Of the 13 blocks the first of all adds what a max-pool gives.
TEST_F(FusionTest, ResidualsOfBatchNormsKeepTheirRests) {
  int left = 0, added = 0;
  for (const BatchNormDesc& norm : asked_.norms) {
    left += norm.y_rest;
    added += norm.residual_rest;
    EXPECT_LE(norm.residual_rest, norm.residual);
  }
  EXPECT_EQ(left, 12);
  EXPECT_EQ(added, 12);
}

TEST(Fusions, NothingIsFusedUnlessEnabled) {
  const Graph graph = BuildSsd300();
  const Fusions none(graph, false);
  for (const Node& node : graph.nodes) {
    EXPECT_EQ(none.FinishedBy(OutputOf(node)), nullptr);
    if (const auto* norm = std::get_if<BatchNormNode>(&node)) {
      EXPECT_EQ(none.StatisticsFrom(*norm), nullptr);
      EXPECT_EQ(none.NormalisedBy(*norm), nullptr);
    }
  }
}

}  // namespace
}  // namespace ssd
