// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// A small graph with everything SSD300 has (residual blocks with and without shortcut, values with
// two consumers, heads) against the plain ops, walked in order.
#include "model/network.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "core/philox.h"
#include "model/graph_builder.h"
#include "testing/distance.h"
#include "testing/plain_backend.h"
#include "testing/reference.h"

namespace ssd {
namespace {

using testing::Tensor;

constexpr int64_t kBatch = 2;

Graph SmallGraph() {
  GraphBuilder b;
  ValueId x =
      b.Conv("stem", b.Image(3, 32), {.out_channels = 16, .kernel = 7, .stride = 2, .pad = 3});
  x = b.MaxPool(b.BatchNorm("stem_norm", x, true), 3, 2, 1);
  const auto block = [&](const std::string& name, ValueId in, int64_t channels, int64_t stride) {
    ValueId y = b.Conv(name + "_a", in,
                       {.out_channels = channels, .kernel = 3, .stride = stride, .pad = 1});
    y = b.BatchNorm(name + "_a_norm", y, true);
    y = b.Conv(name + "_b", y, {.out_channels = channels, .kernel = 3, .pad = 1});
    if (stride != 1) {
      in = b.Conv(name + "_s", in, {.out_channels = channels, .kernel = 1, .stride = stride});
      in = b.BatchNorm(name + "_s_norm", in, false);
    }
    return b.BatchNorm(name + "_b_norm", y, true, in, Init::kLastGamma);
  };
  x = block("one", x, 16, 1);
  x = block("two", x, 32, 2);
  b.Head("head0", x, 1);
  x = b.Conv("squeeze", x,
             {.out_channels = 16, .kernel = 1, .bias = true, .relu = true, .init = Init::kXavier});
  x = b.Conv("expand", x,
             {.out_channels = 32,
              .kernel = 3,
              .stride = 2,
              .pad = 1,
              .bias = true,
              .relu = true,
              .init = Init::kXavier});
  b.Head("head1", x, 1);
  return b.Take();
}

// The graph in double: values by id, and after Backward gradients by parameter name.
class PlainNetwork {
 public:
  PlainNetwork(const Graph& graph, const Parameters& parameters)
      : graph_(graph), parameters_(parameters) {}

  void Forward(const Tensor& image, bool training) {
    values_[graph_.image] = image;
    for (const Node& node : graph_.nodes) {
      const Tensor& x = values_.at(InputOf(node));
      if (const auto* conv = std::get_if<ConvNode>(&node)) {
        const Tensor y =
            testing::Convolve(x, Weight(conv->weight), Weight(conv->bias), Channels(conv->y),
                              {conv->kernel, conv->stride, conv->pad});
        values_[conv->y] = conv->relu ? testing::Relu(y) : y;
      } else if (const auto* norm = std::get_if<BatchNormNode>(&node)) {
        Tensor y =
            testing::Normalise(x, training ? testing::StatisticsOf(x) : Running(norm->statistic),
                               Weight(norm->gamma), Weight(norm->beta), kBatchNormEps);
        if (norm->residual != kNone) y = y + values_.at(norm->residual);
        values_[norm->y] = norm->relu ? testing::Relu(y) : y;
      } else {
        const auto& pool = std::get<MaxPoolNode>(node);
        values_[pool.y] = testing::MaxPool(x, {pool.kernel, pool.stride, pool.pad});
      }
    }
  }

  void Backward(const std::vector<Tensor>& head_gradients) {
    std::map<ValueId, Tensor> d;
    for (size_t k = 0; k < head_gradients.size(); ++k) d[graph_.heads[k]] = head_gradients[k];
    const auto add = [&](ValueId id, const Tensor& t) { d[id] = d.contains(id) ? d[id] + t : t; };
    for (auto it = graph_.nodes.rbegin(); it != graph_.nodes.rend(); ++it) {
      const Node& node = *it;
      const Tensor &x = values_.at(InputOf(node)), &y = values_.at(OutputOf(node));
      Tensor dy = d.at(OutputOf(node));
      if (const auto* conv = std::get_if<ConvNode>(&node)) {
        if (conv->relu) dy = testing::ReluGradient(dy, y);
        const auto g = testing::ConvolveBackward(x, Weight(conv->weight), dy,
                                                 {conv->kernel, conv->stride, conv->pad});
        gradients[Name(conv->weight)] = g.dweight;
        if (conv->bias != kNone) gradients[Name(conv->bias)] = g.dbias;
        add(conv->x, g.dx);
      } else if (const auto* norm = std::get_if<BatchNormNode>(&node)) {
        if (norm->relu) dy = testing::ReluGradient(dy, y);
        const auto g = testing::NormaliseBackward(x, Weight(norm->gamma), dy, kBatchNormEps);
        gradients[Name(norm->gamma)] = g.dgamma;
        gradients[Name(norm->beta)] = g.dbeta;
        add(norm->x, g.dx);
        if (norm->residual != kNone) add(norm->residual, dy);
      } else {
        const auto& pool = std::get<MaxPoolNode>(node);
        add(pool.x, testing::MaxPoolBackward(x, dy, {pool.kernel, pool.stride, pool.pad}));
      }
    }
  }

  const Tensor& head(size_t k) const { return values_.at(graph_.heads[k]); }
  std::map<std::string, std::vector<double>> gradients;

 private:
  const Param& At(ParamId id) const { return graph_.params[static_cast<size_t>(id)]; }
  const std::string& Name(ParamId id) const { return At(id).name; }
  int64_t Channels(ValueId id) const { return graph_.values[static_cast<size_t>(id)].channels; }
  std::vector<double> Weight(ParamId id) const {
    if (id == kNone) return {};
    const float* w = parameters_.weights() + At(id).offset;
    return {w, w + At(id).size()};
  }
  testing::Statistics Running(StatisticId id) const {
    const Statistic& s = graph_.statistics[static_cast<size_t>(id)];
    const float* at = parameters_.statistics();
    return {{at + s.mean(), at + s.mean() + s.channels},
            {at + s.variance(), at + s.variance() + s.channels}};
  }

  const Graph& graph_;
  const Parameters& parameters_;
  std::map<ValueId, Tensor> values_;
};

Tensor RandomTensor(int64_t c, int64_t size, uint64_t id) {
  Tensor t(kBatch, c, size, size);
  Philox random(1, Purpose::kSynthetic, 0, id);
  for (double& v : t.v) v = random.Uniform(-1, 1);
  return t;
}

std::vector<float> Floats(const Tensor& t) { return {t.v.begin(), t.v.end()}; }

// Parameters with every tensor random, gamma and running variance near one.
void Randomize(Parameters& parameters) {
  parameters.Initialize({.seed = 3, .zero_last_gamma = false}, [](const Param&) {});
  Philox random(2, Purpose::kSynthetic, 0, 0);
  for (const Param& p : parameters.graph().params)
    if (p.shape.size() == 1)
      for (int64_t i = 0; i < p.size(); ++i)
        parameters.weights()[p.offset + i] += random.Uniform(-0.3f, 0.3f);
  for (const Statistic& s : parameters.graph().statistics)
    for (int64_t i = 0; i < s.channels; ++i) {
      parameters.statistics()[s.mean() + i] = random.Uniform(-0.2f, 0.2f);
      parameters.statistics()[s.variance() + i] = random.Uniform(0.5f, 1.5f);
    }
}

void LoadImage(Network& network, const Graph& graph, Backend& backend, const Tensor& image) {
  backend.Import(network.Desc(graph.image), Floats(image), network.image());
}

std::vector<float> Head(const Network& network, const Graph& graph, Backend& backend, size_t k) {
  const ValueDesc desc = network.Desc(graph.heads[k]);
  std::vector<float> out(
      static_cast<size_t>(desc.batch * desc.channels * desc.height * desc.width));
  backend.Export(desc, network.head(static_cast<int64_t>(k)), out);
  return out;
}

std::unique_ptr<Backend> OpenCpu(int threads) {
  return OpenBackend(
      {.device = DeviceKind::kCpu, .precision = Precision::kF32, .threads = threads});
}

void ExpectTrainingAsThePlainOps(std::unique_ptr<Backend> backend) {
  const Graph graph = SmallGraph();
  Parameters parameters(graph, *backend);
  Randomize(parameters);
  Network network(graph, *backend, parameters, kBatch, Network::Mode::kTrain, 0);
  PlainNetwork plain(graph, parameters);
  const Tensor image = RandomTensor(3, 32, 1);

  std::vector<Tensor> head_gradients;
  for (size_t k = 0; k < graph.heads.size(); ++k)
    head_gradients.push_back(
        RandomTensor(85, graph.values[static_cast<size_t>(graph.heads[k])].height, 10 + k));
  for (int repeat = 0; repeat < 2; ++repeat) {  // the buffers hold nothing over
    LoadImage(network, graph, *backend, image);
    network.Forward();
    for (size_t k = 0; k < graph.heads.size(); ++k) {
      ValueDesc desc = network.Desc(graph.heads[k]);
      desc.layout = Layout::kHeadGradient;
      backend->Import(desc, Floats(head_gradients[k]),
                      network.head_gradient(static_cast<int64_t>(k)));
    }
    network.Backward();
  }
  plain.Forward(image, true);
  plain.Backward(head_gradients);

  for (size_t k = 0; k < graph.heads.size(); ++k)
    EXPECT_LT(Distance(Head(network, graph, *backend, k), plain.head(k).v), 1e-5) << "head " << k;
  ASSERT_EQ(plain.gradients.size(), graph.params.size());
  for (const Param& p : graph.params) {
    const std::span got(parameters.gradients() + p.offset, static_cast<size_t>(p.size()));
    EXPECT_LT(Distance(got, plain.gradients.at(p.name)), 1e-4) << p.name;
  }
}

TEST(Network, TrainingEqualsThePlainOps) { ExpectTrainingAsThePlainOps(OpenCpu(2)); }

TEST(Network, TrainingWithFusionsEqualsThePlainOps) {
  ExpectTrainingAsThePlainOps(testing::MakePlainBackend(OpenCpu(1)));
}

TEST(Network, FusionsSaveMemory) {
  const auto plain = OpenCpu(1), fusing = testing::MakePlainBackend(OpenCpu(1));
  const Graph graph = SmallGraph();
  const auto bytes = [&](Backend& backend) {
    const Parameters parameters(graph, backend);
    return Network(graph, backend, parameters, 8, Network::Mode::kTrain, 0).memory_bytes();
  };
  EXPECT_LT(bytes(*fusing), bytes(*plain));
}

// What is declared final during the backward pass does not change any more, and in the end it is
// all.
TEST(Network, SaysFromWhereOnGradientsAreFinal) {
  const auto backend = OpenCpu(2);
  const Graph graph = SmallGraph();
  Parameters parameters(graph, *backend);
  Randomize(parameters);
  Network network(graph, *backend, parameters, kBatch, Network::Mode::kTrain, 0);
  LoadImage(network, graph, *backend, RandomTensor(3, 32, 1));
  network.Forward();
  for (size_t k = 0; k < graph.heads.size(); ++k) {
    ValueDesc desc = network.Desc(graph.heads[k]);
    desc.layout = Layout::kHeadGradient;
    backend->Import(desc, Floats(RandomTensor(85, desc.height, 10 + k)),
                    network.head_gradient(static_cast<int64_t>(k)));
  }
  std::vector<int64_t> offsets;
  std::vector<float> seen(static_cast<size_t>(parameters.size()));
  network.Backward(nullptr, [&](int64_t first) {
    const int64_t before = offsets.empty() ? parameters.size() : offsets.back();
    ASSERT_LE(first, before);
    std::copy(parameters.gradients() + first, parameters.gradients() + before,
              seen.begin() + first);
    offsets.push_back(first);
  });
  EXPECT_EQ(offsets.size(), graph.nodes.size());
  EXPECT_EQ(offsets.back(), 0);
  EXPECT_GT(offsets[offsets.size() / 2], 0);
  for (const Param& p : graph.params)
    EXPECT_EQ(0, std::memcmp(seen.data() + p.offset, parameters.gradients() + p.offset,
                             static_cast<size_t>(p.size()) * sizeof(float)))
        << p.name;
}

TEST(Network, FoldedInferenceEqualsThePlainOps) {
  const auto backend = OpenCpu(2);
  const Graph graph = SmallGraph();
  Parameters parameters(graph, *backend);
  Randomize(parameters);
  Network network(graph, *backend, parameters, kBatch, Network::Mode::kInfer, 0);
  network.Refresh();
  PlainNetwork plain(graph, parameters);
  const Tensor image = RandomTensor(3, 32, 1);
  LoadImage(network, graph, *backend, image);
  network.Forward();
  plain.Forward(image, false);
  for (size_t k = 0; k < graph.heads.size(); ++k)
    EXPECT_LT(Distance(Head(network, graph, *backend, k), plain.head(k).v), 1e-5) << "head " << k;
}

TEST(Network, InferenceNeedsFarLessMemoryThanTraining) {
  const auto backend = OpenCpu(1);
  const Graph graph = SmallGraph();
  const Parameters parameters(graph, *backend);
  const Network train(graph, *backend, parameters, 8, Network::Mode::kTrain, 0);
  const Network infer(graph, *backend, parameters, 8, Network::Mode::kInfer, 0);
  EXPECT_LT(infer.memory_bytes() * 2, train.memory_bytes());
}

}  // namespace
}  // namespace ssd
