// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// In the place of the emulator's, for the same tests on a card.
#pragma once

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
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
    SSD_CUDA(cudaMalloc(&memory, size_));
    bytes_ = static_cast<std::byte*>(memory);
    SSD_CUDA(cudaMemset(bytes_, kByte, size_));
    SSD_CUDA(cudaMemcpy(data(), host_.data(), host_.size() * sizeof(T), cudaMemcpyHostToDevice));
  }
  ~DeviceVector() {
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    if (!Whole(bytes_) || !Whole(bytes_ + size_ - kGuard))
      ADD_FAILURE() << "a kernel wrote outside a block of " << host_.size() << " values";
    (void)cudaFree(bytes_);
  }
  DeviceVector(const DeviceVector&) = delete;
  DeviceVector& operator=(const DeviceVector&) = delete;

  T* data() const { return reinterpret_cast<T*>(&bytes_[kGuard]); }  // the device's
  size_t size() const { return host_.size(); }
  const std::vector<T>& host() const { return host_; }  // as given
  std::vector<T> Fetch() const {                        // as it is now
    std::vector<T> now(host_.size());
    SSD_CUDA(cudaDeviceSynchronize());
    SSD_CUDA(cudaMemcpy(now.data(), data(), now.size() * sizeof(T), cudaMemcpyDeviceToHost));
    return now;
  }

 private:
  static bool Whole(const std::byte* guard) {
    std::array<uint8_t, kGuard> bytes{};
    EXPECT_EQ(cudaMemcpy(bytes.data(), guard, kGuard, cudaMemcpyDeviceToHost), cudaSuccess);
    return std::ranges::all_of(bytes, [](uint8_t b) { return b == kByte; });
  }

  static constexpr size_t kGuard = 256;
  static constexpr uint8_t kByte = 0xa7;
  std::vector<T> host_;
  size_t size_;
  std::byte* bytes_ = nullptr;
};

}  // namespace ssd::testing
