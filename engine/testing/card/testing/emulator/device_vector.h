// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// In the place of the emulator's, for the same tests on a card: memory that both sides reach.
#pragma once

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "backends/cuda/check.h"

namespace ssd::emulator {

// A card has its own.
struct Order {
  bool shuffled = false;
  uint64_t seed = 0;
};
inline void SetOrder(const Order&) {}

}  // namespace ssd::emulator

namespace ssd::testing {

inline constexpr emulator::Order kOrders[] = {{false, 0}, {true, 17}};

// What a kernel works on: a copy of host data between guard bytes, which must be whole at the end.
template <class T>
class DeviceVector {
 public:
  explicit DeviceVector(std::vector<T> host)
      : host_(std::move(host)), size_(host_.size() * sizeof(T) + 2 * kGuard) {
    void* memory = nullptr;
    SSD_CUDA(cudaMallocManaged(&memory, size_));
    bytes_ = static_cast<std::byte*>(memory);
    std::fill_n(bytes_, size_, kByte);
    for (size_t i = 0; i < host_.size(); ++i) data()[i] = host_[i];
  }
  ~DeviceVector() {
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    bool whole = true;
    for (size_t i = 0; i < kGuard; ++i)
      whole = whole && bytes_[i] == kByte && bytes_[size_ - 1 - i] == kByte;
    if (!whole) ADD_FAILURE() << "a kernel wrote outside a block of " << host_.size() << " values";
    (void)cudaFree(bytes_);
  }
  DeviceVector(const DeviceVector&) = delete;
  DeviceVector& operator=(const DeviceVector&) = delete;

  T* data() const { return reinterpret_cast<T*>(&bytes_[kGuard]); }
  size_t size() const { return host_.size(); }
  const std::vector<T>& host() const { return host_; }  // as given
  const T* Fetch() const {                              // as it is now
    SSD_CUDA(cudaDeviceSynchronize());
    return data();
  }

 private:
  static constexpr size_t kGuard = 256;
  static constexpr std::byte kByte{0xa7};
  std::vector<T> host_;
  size_t size_;
  std::byte* bytes_ = nullptr;
};

}  // namespace ssd::testing
