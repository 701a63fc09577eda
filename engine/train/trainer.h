// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "backends/backend.h"
#include "comm/bucketer.h"
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
  // batch: of this rank. parameters and ranks must outlive the trainer.
  Trainer(Backend& backend, Parameters& parameters, int64_t batch, const SgdOptions& options,
          Communicator& ranks);

  // Forward, loss, backward, update. Returns the mean loss of this rank's batch (not scaled). A
  // batch without images is of those that stand in network().image(), one without labels of the
  // targets of the last one.
  float Step(const TrainBatch& batch, double lr, OpProfile* profile = nullptr);
  // The same without the update: gradients of the mean over all ranks are in the parameters' arena,
  // times loss_scale.
  float Gradients(const TrainBatch& batch, OpProfile* profile = nullptr);
  void Update(double lr);

  Network& network() { return network_; }
  int64_t batch() const { return network_.batch(); }
  const SgdOptions& options() const { return options_; }

 private:
  void Run(const TrainBatch& batch, OpProfile* profile);
  void Upload(const TrainBatch& batch);
  void Backward(OpProfile* profile);
  float Loss();

  Backend& backend_;
  Parameters& parameters_;
  SgdOptions options_;
  std::unique_ptr<MultiboxOp> loss_op_;
  Network network_;
  std::unique_ptr<SgdOp> sgd_;
  int64_t refreshed_ = 0;  // parameters_.changes() that the network has seen
  std::unique_ptr<DeviceMemory> label_, offset_, loss_;
  std::optional<HostView> summed_;      // the gradients, with several ranks
  std::unique_ptr<Bucketer> bucketer_;  // null with one rank
};

}  // namespace ssd
