// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "train/trainer.h"

#include <cstring>

namespace ssd {

namespace {

size_t LabelBytes(int64_t batch) { return static_cast<size_t>(batch * kDefaultBoxes) * 4; }

}  // namespace

// The sum over ranks of gradients of loss / ranks is their mean.
Trainer::Trainer(Backend& backend, Parameters& parameters, int64_t batch, const SgdOptions& options,
                 Communicator& ranks)
    : backend_(backend),
      parameters_(parameters),
      options_(options),
      loss_op_(backend.MakeMultibox(
          {.batch = batch, .loss_scale = options.loss_scale / static_cast<float>(ranks.world())})),
      network_(parameters.graph(), backend, parameters, batch, Network::Mode::kTrain,
               loss_op_->scratch()),
      label_(backend.Allocate(LabelBytes(batch))),
      offset_(backend.Allocate(4 * LabelBytes(batch))),
      loss_(backend.Allocate(sizeof(float))) {
  MultiboxArgs args{};
  for (size_t k = 0; k < kMaps; ++k) {
    args.map[k] = network_.head(static_cast<int64_t>(k));
    args.gradient[k] = network_.head_gradient(static_cast<int64_t>(k));
  }
  args.label = static_cast<const int32_t*>(label_->data());
  args.offset = static_cast<const float*>(offset_->data());
  args.loss = static_cast<float*>(loss_->data());
  args.scratch = network_.scratch();
  loss_op_->Bind(args);
  if (ranks.world() > 1)
    bucketer_ = std::make_unique<Bucketer>(
        ranks, std::span(parameters.gradients(), static_cast<size_t>(parameters.size())));
}

float Trainer::Step(const TrainBatch& batch, double lr, OpProfile* profile) {
  const float loss = Gradients(batch, profile);
  Timed(profile, backend_, "sgd", "", [&] { Update(lr); });
  return loss;
}

float Trainer::Gradients(const TrainBatch& batch, OpProfile* profile) {
  Timed(profile, backend_, "upload", "", [&] { Upload(batch); });
  network_.Forward(profile);
  Timed(profile, backend_, "multibox", "", [&] { loss_op_->Run(); });
  if (bucketer_ == nullptr) {
    network_.Backward(profile);
  } else {
    network_.Backward(profile,
                      [this](int64_t first) { bucketer_->Ready(static_cast<size_t>(first)); });
    Timed(profile, backend_, "allreduce", " wait", [&] { bucketer_->Finish(); });
  }
  return *static_cast<const float*>(loss_->data());
}

void Trainer::Update(double lr) {
  backend_.Sgd({.w = parameters_.weights(),
                .m = parameters_.momentum(),
                .gradient = parameters_.gradients(),
                .size = parameters_.size(),
                .lr = static_cast<float>(lr),
                .momentum = options_.momentum,
                .decay = options_.weight_decay,
                .loss_scale = options_.loss_scale});
}

void Trainer::Upload(const TrainBatch& batch) {
  std::memcpy(network_.image(), batch.image, network_.image_bytes());
  std::memcpy(label_->data(), batch.label, label_->size());
  std::memcpy(offset_->data(), batch.offset, offset_->size());
}

}  // namespace ssd
