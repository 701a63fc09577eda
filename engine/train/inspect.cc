// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "train/inspect.h"

#include <algorithm>
#include <vector>

#include "comm/communicator.h"
#include "core/error.h"
#include "core/safetensors.h"
#include "loss/matcher.h"
#include "model/ssd300.h"
#include "train/options.h"

namespace ssd {

namespace {

int64_t BatchOf(const TensorFile& input) {
  const auto& shape = input.At("image").shape;
  if (shape.size() != 4 || shape[0] < 1)
    Throw(Status::kData, "%s: tensor image must be [N, 3, 300, 300] with N above 0",
          input.path().c_str());
  return shape[0];
}

// label [N, 8732] and offset [N, 8732, 4] of a step.
struct Targets {
  std::vector<int32_t> label;
  std::vector<float> offset;
};

Targets ReadTargets(const TensorFile& input, int64_t batch) {
  const int64_t label_shape[] = {batch, kDefaultBoxes}, offset_shape[] = {batch, kDefaultBoxes, 4};
  const auto label = input.I32("label", label_shape);
  const auto offset = input.F32("offset", offset_shape);
  for (const int32_t v : label)
    if (v < 0 || v >= kClasses)
      Throw(Status::kData, "%s: tensor label holds %d, must be 0..80", input.path().c_str(), v);
  return {{label.begin(), label.end()}, {offset.begin(), offset.end()}};
}

Targets EncodeBoxes(const TensorFile& input, int64_t batch) {
  const int64_t counts_shape[] = {batch}, boxes_shape[] = {-1, 4}, labels_shape[] = {-1};
  const auto counts = input.I32("counts", counts_shape);
  const auto boxes = input.F32("boxes", boxes_shape);
  const auto labels = input.I32("labels", labels_shape);
  int64_t total = 0;
  for (const int32_t n : counts) total += n < 0 ? int64_t{1} << 40 : n;
  if (total != static_cast<int64_t>(labels.size()) || boxes.size() != 4 * labels.size())
    Throw(Status::kData, "%s: boxes, labels and the sum of counts differ in length",
          input.path().c_str());
  for (const int32_t v : labels)
    if (v < 1 || v >= kClasses)
      Throw(Status::kData, "%s: tensor labels holds %d, must be 1..80", input.path().c_str(), v);

  Targets targets{std::vector<int32_t>(static_cast<size_t>(batch * kDefaultBoxes)),
                  std::vector<float>(static_cast<size_t>(batch * kDefaultBoxes * 4))};
  const auto n = static_cast<size_t>(kDefaultBoxes);
  size_t first = 0;
  for (size_t i = 0; i < static_cast<size_t>(batch); ++i) {
    const auto count = static_cast<size_t>(counts[i]);
    std::vector<CornerBox> corners(count);
    for (size_t k = 0; k < count; ++k)
      std::copy_n(boxes.begin() + static_cast<ptrdiff_t>(4 * (first + k)), 4, corners[k].begin());
    EncodeTargets(corners, labels.subspan(first, count), std::span(targets.label).subspan(i * n, n),
                  std::span(targets.offset).subspan(4 * i * n, 4 * n));
    first += count;
  }
  return targets;
}

// The six head maps as scores [N, 8732, 81] and offsets [N, 8732, 4].
struct Outputs {
  std::vector<float> scores, offsets;
};

Outputs GatherOutputs(const Backend& backend, const Network& network) {
  const int64_t batch = network.batch();
  Outputs out{std::vector<float>(static_cast<size_t>(batch * kDefaultBoxes * kClasses)),
              std::vector<float>(static_cast<size_t>(batch * kDefaultBoxes * 4))};
  for (int64_t k = 0; k < kMaps; ++k) {
    const int64_t shapes = kMapShapes[k], stride = backend.head_channels(shapes);
    const int64_t cells = kMapSize[k] * kMapSize[k];
    const HostView map = network.HostHead(k);
    for (int64_t i = 0; i < batch * cells; ++i) {
      const float* cell = map.values().data() + i * stride;
      const int64_t row = i / cells * kDefaultBoxes + kMapFirst[k] + i % cells * shapes;
      std::copy_n(cell, shapes * kClasses, out.scores.begin() + row * kClasses);
      std::copy_n(cell + shapes * kClasses, shapes * 4, out.offsets.begin() + row * 4);
    }
  }
  return out;
}

void AddOutputs(TensorWriter& writer, const Outputs& out, int64_t batch) {
  writer.Add("scores", DType::kF32, {batch, kDefaultBoxes, kClasses}, out.scores.data());
  writer.Add("offsets", DType::kF32, {batch, kDefaultBoxes, 4}, out.offsets.data());
}

void LoadModel(const InspectRequest::Step& request, uint64_t seed, Parameters& parameters) {
  parameters.Initialize({.seed = seed, .zero_last_gamma = false}, [](const Param&) {});
  if (!request.weights().empty()) parameters.Load(TensorFile(request.weights()));
}

void InspectTraining(const InspectRequest::Step& request, const SgdOptions& sgd,
                     const TensorFile& input, Backend& backend, Parameters& parameters) {
  const int64_t batch = BatchOf(input);
  const auto alone = OpenSolo();
  Trainer trainer(backend, parameters, batch, sgd, *alone);
  const Targets targets =
      input.Has("label") ? ReadTargets(input, batch) : EncodeBoxes(input, batch);
  Network& network = trainer.network();
  const int64_t shape[] = {batch, 3, kImageSize, kImageSize};
  backend.Import(network.Desc(parameters.graph().image), input.F32("image", shape),
                 network.image());

  const float loss =
      trainer.Gradients({nullptr, targets.label.data(), targets.offset.data(), nullptr});
  const Outputs outputs = GatherOutputs(backend, network);
  const HostView scaled = parameters.HostGradients();
  std::vector<float> gradients(scaled.values().begin(), scaled.values().end());
  for (float& g : gradients) g /= sgd.loss_scale;

  TensorWriter writer;
  AddOutputs(writer, outputs, batch);
  writer.Add("loss", DType::kF32, {1}, &loss);
  for (const Param& param : parameters.graph().params)
    writer.Add("grad." + param.name, DType::kF32, param.shape, gradients.data() + param.offset);
  if (request.update()) trainer.Update(request.lr());
  const HostView weights = parameters.HostWeights(), statistics = parameters.HostStatistics();
  if (request.update()) {
    for (const Param& param : parameters.graph().params)
      writer.Add("param." + param.name, DType::kF32, param.shape,
                 weights.values().data() + param.offset);
    for (const Statistic& s : parameters.graph().statistics) {
      writer.Add(s.name + "_running_mean", DType::kF32, {s.channels},
                 statistics.values().data() + s.mean());
      writer.Add(s.name + "_running_var", DType::kF32, {s.channels},
                 statistics.values().data() + s.variance());
    }
  }
  writer.Write(request.output());
}

void InspectInference(const InspectRequest::Step& request, const DetectOptions& detect,
                      const TensorFile& input, Backend& backend, const Parameters& parameters) {
  const int64_t batch = BatchOf(input);
  Evaluator evaluator(backend, parameters, batch, detect);
  evaluator.Refresh();
  Network& network = evaluator.network();
  const int64_t shape[] = {batch, 3, kImageSize, kImageSize};
  backend.Import(network.Desc(parameters.graph().image), input.F32("image", shape),
                 network.image());
  network.Forward();
  const Outputs outputs = GatherOutputs(backend, network);
  TensorWriter writer;
  AddOutputs(writer, outputs, batch);
  writer.Write(request.output());
}

}  // namespace

void InspectStep(const EngineConfig& config, const InspectRequest::Step& request) {
  const TensorFile input(request.input());
  const auto backend = OpenBackend(BackendOptionsOf(config));
  Parameters parameters(BuildSsd300(), *backend);
  LoadModel(request, config.seed(), parameters);
  if (request.train()) {
    SgdOptions sgd = SgdOptionsOf(config);
    sgd.weight_decay = static_cast<float>(request.weight_decay());
    InspectTraining(request, sgd, input, *backend, parameters);
  } else {
    InspectInference(request, DetectOptionsOf(config), input, *backend, parameters);
  }
}

}  // namespace ssd
