// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ssd {

// A block of host memory, zeroed and page-aligned, of which the system gives what is written to,
// page by page.
class LazyMemory {
 public:
  // what: whom the memory is for, such as a key, in the Status::kUnavailable that is thrown when so
  // much cannot be had.
  LazyMemory(size_t size, const char* what);
  ~LazyMemory();
  LazyMemory(const LazyMemory&) = delete;
  LazyMemory& operator=(const LazyMemory&) = delete;
  std::span<uint8_t> bytes() const { return {static_cast<uint8_t*>(data_), size_}; }

 private:
  void* data_ = nullptr;
  size_t size_;
};

}  // namespace ssd
