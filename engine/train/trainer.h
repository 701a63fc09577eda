// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "backends/backend.h"
#include "data/batch.h"
#include "model/network.h"
#include "model/parameters.h"

namespace ssd {

struct SgdOptions {
  float momentum, weight_decay, loss_scale;
};

// The training network with its loss and optimiser: what a step is.
class Trainer {
 public:
  // parameters must outlive the trainer.
  Trainer(Backend& backend, Parameters& parameters, int64_t batch, const SgdOptions& options);

  // Forward, loss, backward, update. Returns the mean loss of the batch (not scaled).
  float Step(const TrainBatch& batch, double lr, OpProfile* profile = nullptr);
  // The same without the update: gradients are in the parameters' arena, times loss_scale.
  float Gradients(const TrainBatch& batch, OpProfile* profile = nullptr);
  void Update(double lr);

  Network& network() { return network_; }
  int64_t batch() const { return network_.batch(); }
  const SgdOptions& options() const { return options_; }

 private:
  void Upload(const TrainBatch& batch);

  Backend& backend_;
  Parameters& parameters_;
  SgdOptions options_;
  std::unique_ptr<MultiboxOp> loss_op_;
  Network network_;
  std::unique_ptr<DeviceMemory> label_, offset_, loss_;
};

}  // namespace ssd
