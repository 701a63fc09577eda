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

void CheckAborted(const std::atomic<bool>& aborted) {
  if (aborted) Throw(Status::kAborted, "the step was stopped");
}

// image [N, 3, 300, 300] of a step; or [3, 300, 300], a batch of one as InspectSample writes it.
struct Images {
  int64_t batch;
  std::span<const float> pixels;
  bool sample;
};

Images ReadImages(const TensorFile& input) {
  const int64_t shape[] = {-1, 3, kImageSide, kImageSide};
  const auto& found = input.At("image").shape;
  const bool sample = found.size() == 3;
  const auto pixels = input.FiniteF32("image", std::span(shape).subspan(sample ? 1 : 0));
  if (pixels.empty()) Throw(Status::kData, "%s: tensor image holds no image", input.path().c_str());
  return {sample ? 1 : found[0], pixels, sample};
}

// label [N, 8732] and offset [N, 8732, 4] of a step; without N of a sample.
struct Targets {
  std::vector<int32_t> label;
  std::vector<float> offset;
};

Targets ReadTargets(const TensorFile& input, const Images& images) {
  const int64_t label_shape[] = {images.batch, kDefaultBoxes};
  const int64_t offset_shape[] = {images.batch, kDefaultBoxes, 4};
  const size_t first = images.sample ? 1 : 0;
  const auto label = input.I32("label", std::span(label_shape).subspan(first));
  const auto offset = input.FiniteF32("offset", std::span(offset_shape).subspan(first));
  for (const int32_t v : label)
    if (v < 0 || v >= kClasses)
      Throw(Status::kData, "%s: tensor label holds %d, must be 0..80", input.path().c_str(), v);
  return {{label.begin(), label.end()}, {offset.begin(), offset.end()}};
}

void CheckBox(const TensorFile& input, size_t row, const CornerBox& box) {
  constexpr float kRounding = 1e-2f;  // some annotations reach a pixel beyond their image
  const auto [left, top, right, bottom] = box;
  const bool within =
      left >= -kRounding && top >= -kRounding && right <= 1 + kRounding && bottom <= 1 + kRounding;
  if (!within || !(left < right) || !(top < bottom))
    Throw(
        Status::kData,
        "%s: tensor boxes, row %zu: [%g, %g, %g, %g] is no box: left, top, right, bottom in 0..1, "
        "left < right, top < bottom",
        input.path().c_str(), row, left, top, right, bottom);
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
    for (size_t k = 0; k < count; ++k) {
      std::copy_n(boxes.begin() + static_cast<ptrdiff_t>(4 * (first + k)), 4, corners[k].begin());
      CheckBox(input, first + k, corners[k]);
    }
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
                     const Images& images, const Targets& targets, Backend& backend,
                     Parameters& parameters, const std::atomic<bool>& aborted) {
  const int64_t batch = images.batch;
  const auto alone = OpenSolo();
  Trainer trainer(backend, parameters, batch, sgd, *alone);
  Network& network = trainer.network();
  backend.Import(network.Desc(parameters.graph().image), images.pixels, network.image());

  CheckAborted(aborted);
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
    AddStatistics(writer, parameters.graph(), statistics.values());
  }
  CheckAborted(aborted);
  writer.Write(request.output());
}

void InspectInference(const InspectRequest::Step& request, const DetectOptions& detect,
                      const Images& images, Backend& backend, const Parameters& parameters,
                      const std::atomic<bool>& aborted) {
  const int64_t batch = images.batch;
  Evaluator evaluator(backend, parameters, batch, detect);
  evaluator.Refresh();
  Network& network = evaluator.network();
  backend.Import(network.Desc(parameters.graph().image), images.pixels, network.image());
  CheckAborted(aborted);
  network.Forward();
  const Outputs outputs = GatherOutputs(backend, network);
  TensorWriter writer;
  AddOutputs(writer, outputs, batch);
  CheckAborted(aborted);
  writer.Write(request.output());
}

}  // namespace

void InspectStep(const EngineConfig& config, const InspectRequest::Step& request,
                 const std::atomic<bool>& aborted) {
  const TensorFile input(request.input());
  const Images images = ReadImages(input);
  Targets targets;
  if (request.train())
    targets = input.Has("label") ? ReadTargets(input, images) : EncodeBoxes(input, images.batch);
  const auto backend = OpenBackend(BackendOptionsOf(config));
  Parameters parameters(BuildSsd300(), *backend);
  LoadModel(request, config.seed(), parameters);
  if (request.train()) {
    SgdOptions sgd = SgdOptionsOf(config);
    sgd.weight_decay = static_cast<float>(request.weight_decay());
    InspectTraining(request, sgd, images, targets, *backend, parameters, aborted);
  } else {
    InspectInference(request, DetectOptionsOf(config), images, *backend, parameters, aborted);
  }
}

}  // namespace ssd
