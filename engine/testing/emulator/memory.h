// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

namespace ssd::emulator {

// The device's memory: whoever touches it crashes, but for kernels, copies and what else holds it
// Opened. A block begins at a multiple of 256 bytes, as cudaMalloc promises, and seldom of more;
// holds garbage, and behind its last 256 lies a page that nobody opens. One OS thread uses it.
void* Allocate(size_t bytes);  // null when there is none left
bool Free(void* data);         // false: no block begins there
// Whether all of it lies within one block.
bool OnDevice(const void* address, size_t bytes);
// Whether it is the address of something of the host's: what a kernel cannot read.
bool OnHost(const void* address);

// The host's, which copies use while it works.
void* AllocatePinned(size_t bytes);
// Throws Status::kInvalid while a copy uses it: no document says that cudaFreeHost waits.
void FreePinned(void* data);
bool Pinned(const void* address);
// Held by a copy that is enqueued; null for what is not pinned.
std::shared_ptr<void> UsePinned(const void* address);

class Opened {
 public:
  Opened();
  ~Opened();
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
};

}  // namespace ssd::emulator
