// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "model/traffic.h"

#include "model/fusion.h"

namespace ssd {

namespace {

constexpr int64_t kHalf = 2, kFloat = 4;
constexpr int64_t kImageChannels = 4, kHeadMultiple = 8;
constexpr int64_t kTargetBytes = 20;  // of a default box: label and offsets

size_t Index(int id) { return static_cast<size_t>(id); }

class Account {
 public:
  Account(const Graph& graph, int64_t batch)
      : graph_(graph), batch_(batch), fusions_(graph, true) {}

  std::vector<Traffic> Take() {
    for (const Node& node : graph_.nodes) std::visit([this](const auto& n) { Forward(n); }, node);
    Multibox();
    for (auto node = graph_.nodes.rbegin(); node != graph_.nodes.rend(); ++node)
      std::visit([this](const auto& n) { Backward(n); }, *node);
    for (const Node& node : graph_.nodes) Update(node);
    for (const Node& node : graph_.nodes) std::visit([this](const auto& n) { Infer(n); }, node);
    Add("detect", "detect", Pass::kInference, HeadBytes(kFloat));
    return std::move(rows_);
  }

 private:
  struct Fused {
    int64_t bytes;
    std::string into;
  };

  // A kernel of its own, fused or not.
  void Add(const std::string& name, const char* kind, Pass pass, int64_t bytes, int64_t flops = 0) {
    rows_.push_back({name, kind, pass, flops, bytes, bytes, ""});
  }
  void Add(const std::string& name, const char* kind, Pass pass, int64_t bytes, Fused fused) {
    rows_.push_back({name, kind, pass, 0, bytes, fused.bytes, std::move(fused.into)});
  }

  const Value& At(ValueId id) const { return graph_.values[Index(id)]; }
  const std::string& Name(ValueId id) const { return At(id).name; }
  int64_t Channels(ValueId id) const {
    const Value& v = At(id);
    if (v.layout == Layout::kImage) return kImageChannels;
    if (v.layout != Layout::kHead) return v.channels;
    return (v.channels + kHeadMultiple - 1) / kHeadMultiple * kHeadMultiple;
  }
  int64_t Elements(ValueId id) const {
    return batch_ * Channels(id) * At(id).height * At(id).width;
  }
  int64_t Bytes(ValueId id) const {  // of an activation; a head's is f32
    return Elements(id) * (At(id).layout == Layout::kHead ? kFloat : kHalf);
  }
  int64_t GradientBytes(ValueId id) const { return Elements(id) * kHalf; }
  int64_t HeadBytes(int64_t size) const {
    int64_t bytes = 0;
    for (const ValueId head : graph_.heads) bytes += Elements(head) * size;
    return bytes;
  }
  int64_t FilterBytes(const ConvNode& n) const {
    return kHalf * Channels(n.x) * Channels(n.y) * n.kernel * n.kernel;
  }
  int64_t Flops(const ConvNode& n) const {
    return 2 * batch_ * At(n.y).height * At(n.y).width * graph_.params[Index(n.weight)].size();
  }
  // Per-channel numbers of a BatchNorm.
  int64_t ChannelBytes(ValueId id, int64_t floats) const { return kFloat * floats * Channels(id); }

  const ConvNode* ConvBefore(const BatchNormNode& n) const {
    const Node* node = fusions_.Producer(n.x);
    return node == nullptr ? nullptr : std::get_if<ConvNode>(node);
  }
  Fused Into(const ConvNode* conv, int64_t bytes, Fused otherwise) const {
    return conv != nullptr ? Fused{bytes, Name(conv->y)} : std::move(otherwise);
  }

  void Convolve(const ConvNode& n, Pass pass) {
    const std::string& name = Name(n.y);
    Add(name, "conv", pass, Bytes(n.x) + Bytes(n.y) + FilterBytes(n), Flops(n));
    if (n.bias != kNone)
      Add(name, "bias", pass, 2 * Bytes(n.y) + ChannelBytes(n.y, 1), {ChannelBytes(n.y, 1), name});
    if (n.relu) Add(name, "relu", pass, 2 * Bytes(n.y), {0, name});
  }

  void Forward(const ConvNode& n) { Convolve(n, Pass::kForward); }
  void Forward(const BatchNormNode& n) {
    const std::string& name = Name(n.y);
    const int64_t map = Bytes(n.x);
    // Sums or batch statistics, and the running ones read and written; then with gamma and beta.
    const int64_t sums = ChannelBytes(n.x, 6), affine = ChannelBytes(n.x, 4);
    const ConvNode* folded = fusions_.NormalisedBy(n);
    Add(name, "statistics", Pass::kForward, map + sums,
        Into(fusions_.StatisticsFrom(n), sums, {map + sums, ""}));
    Add(name, "normalise", Pass::kForward, 2 * map + affine,
        Into(folded, affine, {2 * map + affine, ""}));
    if (n.residual != kNone) Add(name, "add", Pass::kForward, 3 * map, {map, name});
    if (n.relu) Add(name, "relu", Pass::kForward, 2 * map, Into(folded, 0, {0, name}));
  }
  void Forward(const MaxPoolNode& n) {
    Add(Name(n.y), "max_pool", Pass::kForward, Bytes(n.x) + Bytes(n.y) + Elements(n.y));
  }

  void Multibox() {
    Add("multibox", "multibox", Pass::kDataGradient,
        HeadBytes(kFloat) + HeadBytes(kHalf) + batch_ * kDefaultBoxes * kTargetBytes);
  }

  // Every consumer of y has written a term of its gradient.
  void SumGradient(ValueId y) {
    const auto terms = static_cast<int64_t>(fusions_.Consumers(y).size());
    if (terms < 2) return;
    const int64_t map = GradientBytes(y);
    Add(Name(y), "gradient_sum", Pass::kDataGradient, (terms + 1) * map,
        Into(fusions_.FinishedBy(y), (terms - 1) * map, {(terms + 1) * map, ""}));
  }
  void Backward(const ConvNode& n) {
    const std::string& name = Name(n.y);
    const int64_t dx = GradientBytes(n.x), dy = GradientBytes(n.y);
    SumGradient(n.y);
    if (n.relu)
      Add(name, "relu", Pass::kDataGradient, 3 * dy,
          Into(fusions_.FinishedBy(n.y), dy, {3 * dy, ""}));
    if (n.bias != kNone) Add(name, "bias", Pass::kWeightGradient, dy + ChannelBytes(n.y, 1));
    Add(name, "conv", Pass::kWeightGradient, Bytes(n.x) + dy + FilterBytes(n), Flops(n));
    if (n.x != graph_.image)
      Add(name, "conv", Pass::kDataGradient, dx + dy + FilterBytes(n), Flops(n));
  }
  void Backward(const BatchNormNode& n) {
    const std::string& name = Name(n.y);
    const int64_t map = GradientBytes(n.y);
    // Mean, deviation, dgamma, dbeta; then with gamma.
    const int64_t sums = ChannelBytes(n.x, 4), affine = ChannelBytes(n.x, 5);
    const ConvNode* finish = fusions_.FinishedBy(n.y);
    SumGradient(n.y);
    if (n.relu)
      Add(name, "relu", Pass::kDataGradient, 3 * map,
          Into(finish, map, n.residual == kNone ? Fused{0, name} : Fused{3 * map, ""}));
    Add(name, "statistics", Pass::kDataGradient, 2 * map + sums,
        Into(fusions_.NormalisedBy(n), sums, {2 * map + sums, ""}));
    Add(name, "normalise", Pass::kDataGradient, 3 * map + affine);
  }
  void Backward(const MaxPoolNode& n) {
    SumGradient(n.y);
    Add(Name(n.y), "max_pool", Pass::kDataGradient,
        GradientBytes(n.x) + GradientBytes(n.y) + Elements(n.y));
  }

  // Gradients f16 of filters, f32 of the rest; weight and momentum read and written; filters also
  // written in f16.
  void Update(const Node& node) {
    int64_t bytes = 0;
    const auto add = [&](ParamId id) {
      if (id != kNone) bytes += 5 * kFloat * graph_.params[Index(id)].size();
    };
    if (const auto* conv = std::get_if<ConvNode>(&node)) {
      bytes += (2 * kHalf + 4 * kFloat) * graph_.params[Index(conv->weight)].size();
      add(conv->bias);
    } else if (const auto* norm = std::get_if<BatchNormNode>(&node)) {
      add(norm->gamma);
      add(norm->beta);
    }
    if (bytes > 0) Add(Name(OutputOf(node)), "sgd", Pass::kUpdate, bytes);
  }

  void Infer(const ConvNode& n) { Convolve(n, Pass::kInference); }
  void Infer(const BatchNormNode& n) {
    const std::string& name = Name(n.y);
    const ConvNode* conv = ConvBefore(n);
    const std::string& into = conv == nullptr ? name : Name(conv->y);
    const int64_t map = Bytes(n.x), affine = ChannelBytes(n.x, 4);
    Add(name, "normalise", Pass::kInference, 2 * map + affine,
        Into(conv, affine, {2 * map + affine, ""}));
    if (n.residual != kNone) Add(name, "add", Pass::kInference, 3 * map, {map, into});
    if (n.relu) Add(name, "relu", Pass::kInference, 2 * map, {0, into});
  }
  void Infer(const MaxPoolNode& n) {
    Add(Name(n.y), "max_pool", Pass::kInference, Bytes(n.x) + Bytes(n.y));
  }

  const Graph& graph_;
  const int64_t batch_;
  const Fusions fusions_;
  std::vector<Traffic> rows_;
};

}  // namespace

std::vector<Traffic> TrafficOf(const Graph& graph, int64_t batch) {
  return Account(graph, batch).Take();
}

}  // namespace ssd
