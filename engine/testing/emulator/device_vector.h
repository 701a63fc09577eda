// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "testing/emulator/emulator.h"
#include "testing/emulator/memory.h"

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
        bytes_(static_cast<std::byte*>(emulator::Allocate(size_))) {
    const emulator::Opened opened;
    std::fill_n(bytes_, size_, kByte);
    std::ranges::copy(host_, data());
  }
  ~DeviceVector() {
    if (!Whole())
      ADD_FAILURE() << "a kernel wrote outside a block of " << host_.size() << " values";
    emulator::Free(bytes_);
  }
  DeviceVector(const DeviceVector&) = delete;
  DeviceVector& operator=(const DeviceVector&) = delete;

  T* data() const { return reinterpret_cast<T*>(&bytes_[kGuard]); }  // the device's
  size_t size() const { return host_.size(); }
  const std::vector<T>& host() const { return host_; }  // as given
  std::vector<T> Fetch() const {                        // as it is now
    const emulator::Opened opened;
    return {data(), data() + size()};
  }

 private:
  bool Whole() const {
    const emulator::Opened opened;
    const auto whole = [](std::byte b) { return b == kByte; };
    return std::all_of(bytes_, bytes_ + kGuard, whole) &&
           std::all_of(bytes_ + size_ - kGuard, bytes_ + size_, whole);
  }

  static constexpr size_t kGuard = 256;
  static constexpr std::byte kByte{0xa7};
  std::vector<T> host_;
  size_t size_;
  std::byte* bytes_;
};

}  // namespace ssd::testing
