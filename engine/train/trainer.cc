// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "train/trainer.h"

#include <span>
#include <utility>

namespace ssd {

namespace {

constexpr size_t kMostLosses = 4096;  // that are not fetched

size_t LabelBytes(int64_t batch) { return static_cast<size_t>(batch * kDefaultBoxes) * 4; }

}  // namespace

// The sum over ranks of gradients of loss / ranks is their mean.
Trainer::Trainer(Backend& backend, Parameters& parameters, int64_t batch, const SgdOptions& options,
                 Communicator& ranks, DeviceCommunicator* devices)
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
      loss_(backend.Allocate(sizeof(float))),
      losses_(backend.Allocate(kMostLosses * sizeof(float))),
      devices_(devices) {
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
  if (devices != nullptr) {
    device_bucketer_.emplace(*devices, backend, sgd_->gradients());
  } else if (ranks.world() > 1) {
    summed_ = parameters.HostGradients();
    bucketer_ = std::make_unique<Bucketer>(ranks, summed_->values());
  }
  step_ = backend.Record([this] {
    ForwardAndBackward(nullptr);
    sgd_->Run();
  });
}

void Trainer::Step(const TrainBatch& batch, double lr, OpProfile* profile) {
  Begin(batch, lr, profile);
  if (profile == nullptr) {
    step_->Run();
  } else {
    ForwardAndBackward(profile);
    Timed(profile, backend_, "sgd", "", [&] { sgd_->Run(); });
  }
  KeepLoss();
}

float Trainer::Gradients(const TrainBatch& batch) {
  Begin(batch, 0, nullptr);
  ForwardAndBackward(nullptr);
  KeepLoss();
  return TakeLosses().back();
}

void Trainer::Begin(const TrainBatch& batch, double lr, OpProfile* profile) {
  if (refreshed_ != parameters_.changes()) network_.Refresh();
  refreshed_ = parameters_.changes();
  Timed(profile, backend_, "upload", "", [&] { Upload(batch); });
  SetRates(lr);
}

void Trainer::ForwardAndBackward(OpProfile* profile) {
  network_.Forward(profile);
  Timed(profile, backend_, "multibox", "", [&] { loss_op_->Run(); });
  Backward(profile);
}

// Sums over the ranks go on beside the pass where the device or the host sees the gradients, else
// follow it.
void Trainer::Backward(OpProfile* profile) {
  if (device_bucketer_) {
    network_.Backward(profile, [this](int64_t first) { device_bucketer_->Ready(first); });
    Timed(profile, backend_, "allreduce", " wait", [&] { device_bucketer_->Finish(); });
  } else if (bucketer_ == nullptr) {
    network_.Backward(profile);
  } else if (summed_->in_place()) {
    network_.Backward(profile,
                      [this](int64_t first) { bucketer_->Ready(static_cast<size_t>(first)); });
    Timed(profile, backend_, "allreduce", " wait", [&] { bucketer_->Finish(); });
  } else {
    network_.Backward(profile);
    Timed(profile, backend_, "allreduce", " wait", [&] { SumOnHost(); });
  }
}

void Trainer::SumOnHost() {
  backend_.UnpackGradients();
  summed_->Fetch();
  bucketer_->Finish();
  summed_->Store();
  backend_.PackGradients();
}

void Trainer::KeepLoss() {
  backend_.Copy(static_cast<float*>(losses_->data()) + kept_, loss_->data(), sizeof(float));
  if (++kept_ == kMostLosses) FetchLosses();
}

void Trainer::FetchLosses() {
  if (devices_ != nullptr) devices_->Await([this] { return backend_.Idle(); });
  const size_t before = fetched_.size();
  fetched_.resize(before + kept_);
  backend_.Download(std::as_writable_bytes(std::span(fetched_).subspan(before)), losses_->data());
  backend_.Synchronize();
  kept_ = 0;
}

std::vector<float> Trainer::TakeLosses() {
  FetchLosses();
  return std::exchange(fetched_, {});
}

void Trainer::Update(double lr) {
  SetRates(lr);
  sgd_->Run();
}

void Trainer::SetRates(double lr) {
  sgd_->SetRates({.lr = static_cast<float>(lr),
                  .momentum = options_.momentum,
                  .decay = options_.weight_decay,
                  .loss_scale = options_.loss_scale});
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
