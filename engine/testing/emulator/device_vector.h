// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "testing/emulator/emulator.h"

namespace ssd::testing {

// Every kernel is tried in both.
inline constexpr emulator::Order kOrders[] = {{false, 0}, {true, 17}};

// What a kernel works on: a copy of host data between guard bytes, which must be whole at the end.
template <class T>
class DeviceVector {
 public:
  explicit DeviceVector(std::vector<T> host)
      : host_(std::move(host)),
        size_(host_.size() * sizeof(T) + 2 * kGuard),
        bytes_(std::make_unique<std::byte[]>(size_)) {
    std::fill_n(bytes_.get(), size_, kByte);
    for (size_t i = 0; i < host_.size(); ++i) data()[i] = host_[i];
  }
  ~DeviceVector() {
    for (size_t i = 0; i < kGuard; ++i) {
      const bool whole = bytes_[i] == kByte && bytes_[size_ - 1 - i] == kByte;
      if (!whole) {
        ADD_FAILURE() << "a kernel wrote outside a block of " << host_.size() << " values";
        return;
      }
    }
  }
  DeviceVector(const DeviceVector&) = delete;
  DeviceVector& operator=(const DeviceVector&) = delete;

  T* data() const { return reinterpret_cast<T*>(&bytes_[kGuard]); }
  size_t size() const { return host_.size(); }
  const std::vector<T>& host() const { return host_; }  // as given
  const T* Fetch() const { return data(); }             // as it is now

 private:
  static constexpr size_t kGuard = 256;
  static constexpr std::byte kByte{0xa7};
  std::vector<T> host_;
  size_t size_;
  std::unique_ptr<std::byte[]> bytes_;
};

}  // namespace ssd::testing
