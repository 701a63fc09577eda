// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "comm/counted.h"
#include "comm/device_communicator.h"
#include "engine.pb.h"
#include "eval/coco_map.h"
#include "model/parameters.h"
#include "train/checkpoint.h"

namespace ssd {

// This rank among the ranks of a run: a world of one until Address is called. Every rank makes the
// same calls in the same order.
class Ranks {
 public:
  // Reads comm, device and model.
  explicit Ranks(const EngineConfig& config);

  std::string Address(int rank, int world);
  void Connect(const std::vector<std::string>& addresses);

  int rank() const { return all_->rank(); }
  int world() const { return all_->world(); }
  Communicator& all() { return *all_; }
  // The same ranks by their GPUs; null on CPUs and for a single rank.
  DeviceCommunicator* devices() { return devices_.get(); }
  // The ranks of this one's BatchNorm group; null if it is alone in it.
  NormSpan* norm_span() { return span_.get(); }

  // Rank 0's weights, momentum, running statistics and position become everybody's.
  void ShareState(Parameters& parameters, TrainPosition& position);
  // Spec section 6: everybody's running statistics become their average.
  void AverageStatistics(Parameters& parameters);
  void Average(std::span<double> values);  // element by element
  // The detections of all ranks in the order of the images, on rank 0 alone.
  std::optional<std::vector<CocoDetection>> GatherDetections(
      const std::vector<CocoDetection>& mine);

  const CollectiveCount& collectives() const { return collectives_; }

  void Abort();  // any thread

 private:
  void CheckGroup(int world) const;

  const EngineConfig config_;
  const int group_;
  CollectiveCount collectives_;
  bool connected_ = false;
  std::mutex mutex_;  // guards the pointers against Abort
  bool aborted_ = false;
  std::unique_ptr<Communicator> all_ = OpenSolo();
  std::unique_ptr<Communicator> norm_group_;
  std::unique_ptr<DeviceCommunicator> devices_, device_group_;
  std::unique_ptr<NormSpan> span_;
};

}  // namespace ssd
