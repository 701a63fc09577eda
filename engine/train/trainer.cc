// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "train/trainer.h"

#include <span>

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
      sgd_(backend.MakeSgd({.w = parameters.weights(),
                            .m = parameters.momentum(),
                            .gradient = parameters.gradients(),
                            .size = parameters.size()})),
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
  if (ranks.world() > 1) {
    summed_ = parameters.HostGradients();
    bucketer_ = std::make_unique<Bucketer>(ranks, summed_->values());
  }
}

float Trainer::Step(const TrainBatch& batch, double lr, OpProfile* profile) {
  Run(batch, profile);
  Timed(profile, backend_, "sgd", "", [&] { Update(lr); });
  return Loss();
}

float Trainer::Gradients(const TrainBatch& batch, OpProfile* profile) {
  Run(batch, profile);
  return Loss();
}

void Trainer::Run(const TrainBatch& batch, OpProfile* profile) {
  if (refreshed_ != parameters_.changes()) network_.Refresh();
  refreshed_ = parameters_.changes();
  Timed(profile, backend_, "upload", "", [&] { Upload(batch); });
  network_.Forward(profile);
  Timed(profile, backend_, "multibox", "", [&] { loss_op_->Run(); });
  Backward(profile);
}

// Sums over the ranks go on beside the pass where the host sees the gradients, else follow it.
void Trainer::Backward(OpProfile* profile) {
  if (bucketer_ == nullptr) return network_.Backward(profile);
  if (summed_->in_place()) {
    network_.Backward(profile,
                      [this](int64_t first) { bucketer_->Ready(static_cast<size_t>(first)); });
  } else {
    network_.Backward(profile);
    backend_.UnpackGradients();
    summed_->Fetch();
  }
  Timed(profile, backend_, "allreduce", " wait", [&] {
    bucketer_->Finish();
    if (!summed_->in_place()) summed_->Store();
    backend_.PackGradients();
  });
}

float Trainer::Loss() {
  float loss = 0;
  backend_.Download(std::as_writable_bytes(std::span(&loss, 1)), loss_->data());
  backend_.Synchronize();
  return loss;
}

void Trainer::Update(double lr) {
  sgd_->SetRates({.lr = static_cast<float>(lr),
                  .momentum = options_.momentum,
                  .decay = options_.weight_decay,
                  .loss_scale = options_.loss_scale});
  sgd_->Run();
}

void Trainer::Upload(const TrainBatch& batch) {
  if (batch.renderer != nullptr)
    return batch.renderer->Take(network_.image(), label_->data(), offset_->data());
  const auto upload = [this](void* device, const void* host, size_t bytes) {
    backend_.Upload(device, {static_cast<const std::byte*>(host), bytes});
  };
  if (batch.image != nullptr) upload(network_.image(), batch.image, network_.image_bytes());
  if (batch.label == nullptr) return;
  upload(label_->data(), batch.label, label_->size());
  upload(offset_->data(), batch.offset, offset_->size());
}

}  // namespace ssd
