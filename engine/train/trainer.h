// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "backends/backend.h"
#include "comm/bucketer.h"
#include "comm/device_bucketer.h"
#include "data/batch.h"
#include "model/network.h"
#include "model/parameters.h"

namespace ssd {

struct SgdOptions {
  float momentum, weight_decay, loss_scale;
};

// The training network with its loss and optimiser: what a step is. With several ranks each works
// on its own batch; gradients are averaged over all while the backward pass goes on.
class Trainer {
 public:
  // batch: of this rank. devices: between the ranks' GPUs, null where ranks is to sum gradients.
  // parameters and ranks must outlive the trainer.
  Trainer(Backend& backend, Parameters& parameters, int64_t batch, const SgdOptions& options,
          Communicator& ranks, DeviceCommunicator* devices = nullptr);

  // Forward, loss, backward, update; enqueued. A batch without images is of those that stand in
  // network().image(), one without labels of the targets of the last one.
  void Step(const TrainBatch& batch, double lr, OpProfile* profile = nullptr);
  // Waits. The mean losses of this rank's batches (not scaled) in the Steps since the last call.
  std::vector<float> TakeLosses();
  // A step without the update: gradients of the mean over all ranks are in the parameters' arena,
  // times loss_scale. Waits and returns the loss.
  float Gradients(const TrainBatch& batch);
  void Update(double lr);

  Network& network() { return network_; }
  int64_t batch() const { return network_.batch(); }
  const SgdOptions& options() const { return options_; }

 private:
  void Begin(const TrainBatch& batch, double lr, OpProfile* profile);
  void Upload(const TrainBatch& batch);
  void ForwardAndBackward(OpProfile* profile);
  void Backward(OpProfile* profile);
  void SumOnHost();
  void SetRates(double lr);
  void KeepLoss();
  void FetchLosses();

  Backend& backend_;
  Parameters& parameters_;
  SgdOptions options_;
  std::unique_ptr<MultiboxOp> loss_op_;
  Network network_;
  std::unique_ptr<SgdOp> sgd_;
  int64_t refreshed_ = 0;  // parameters_.changes() that the network has seen
  std::unique_ptr<DeviceMemory> label_, offset_, loss_;
  std::unique_ptr<DeviceMemory> losses_;  // of steps whose loss is not fetched yet
  size_t kept_ = 0;                       // in losses_
  std::vector<float> fetched_;
  DeviceCommunicator* devices_;
  std::optional<DeviceBucketer> device_bucketer_;  // with devices_
  std::optional<HostView> summed_;                 // the gradients, with several ranks without
  std::unique_ptr<Bucketer> bucketer_;             // with summed_
  std::unique_ptr<Recorded> step_;                 // all of it behind Begin
};

}  // namespace ssd
