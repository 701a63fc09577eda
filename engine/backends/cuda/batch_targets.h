// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "backends/batch_renderer.h"
#include "backends/cuda/context.h"

namespace ssd {

// The targets of one batch after another, encoded on the device from its boxes.
class BatchTargets {
 public:
  BatchTargets(const CudaContext& context, int64_t batch, const TargetDesc& desc);

  // Enqueued. REQUIRES: the last one is done.
  void Upload(std::span<const InputImage> images);
  void Encode() const;                                     // enqueued behind it
  const DeviceMemory& label() const { return *label_; }    // [batch, 8732]
  const DeviceMemory& offset() const { return *offset_; }  // [batch, 8732, 4]

 private:
  std::unique_ptr<DeviceMemory> Table(std::span<const std::array<float, 4>> boxes) const;

  const CudaContext context_;
  const int64_t batch_, most_boxes_;
  int32_t count_ = 0;  // of boxes_
  std::unique_ptr<DeviceMemory> centers_, corners_, boxes_, first_, label_, offset_;
  HostBytes host_boxes_, host_first_;
};

}  // namespace ssd
