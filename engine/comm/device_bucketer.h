// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "backends/backend.h"
#include "comm/device_communicator.h"

namespace ssd {

// The Bucketer of gradients that a device holds: sums them over the ranks beside the backward pass,
// from the arena's end to its start. Buckets are cut by position alone. Enqueues, and waits for
// nothing.
class DeviceBucketer {
 public:
  static constexpr size_t kBucket = 4 << 20;  // bytes

  // backend and comm must outlive the bucketer. runs: SgdOp::gradients.
  DeviceBucketer(DeviceCommunicator& comm, Backend& backend, std::vector<GradientRun> runs,
                 size_t bucket = kBucket);

  // What lies at arena offset first and behind is final in what is enqueued so far.
  void Ready(int64_t first);
  // All is final: what is enqueued from here on sees the sums.
  void Finish();

 private:
  void Send();

  DeviceCommunicator& comm_;
  Backend& backend_;
  const std::vector<GradientRun> runs_;
  const size_t bucket_;
  size_t left_;  // of runs_
  std::vector<DeviceCommunicator::Values> filling_;
  size_t bytes_ = 0;  // of filling_
};

}  // namespace ssd
