// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backends/backend.h"

namespace ssd {

// Values of device memory as the host sees them: in place where that is host memory, else a copy.
// The memory must outlive the view.
class HostView {
 public:
  // Waits for the backend, then holds what the device does.
  HostView(Backend& backend, float* device, int64_t size)
      : backend_(&backend), device_(device), size_(static_cast<size_t>(size)) {
    if (!in_place()) copy_.resize(size_);
    Fetch();
  }

  bool in_place() const { return backend_->memory_is_host(); }
  std::span<float> values() { return {in_place() ? device_ : copy_.data(), size_}; }
  std::span<const float> values() const { return {in_place() ? device_ : copy_.data(), size_}; }

  // The device's values replace the view's, and the other way round. Both wait.
  void Fetch() {
    if (!in_place()) backend_->Download(std::as_writable_bytes(values()), device_);
    backend_->Synchronize();
  }
  void Store() {
    if (!in_place()) backend_->Upload(device_, std::as_bytes(values()));
    backend_->Synchronize();
  }

 private:
  Backend* backend_;
  float* device_;
  size_t size_;
  std::vector<float> copy_;
};

}  // namespace ssd
