// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace ssd::emulator {

// The device's memory: whoever touches it crashes, but for kernels, copies and what else holds it
// Opened. One OS thread uses it.
void* Allocate(size_t bytes);  // null when there is none left
void Free(void* data);

// The host's, which copies use while it works.
void* AllocatePinned(size_t bytes);
void FreePinned(void* data);
bool Pinned(const void* address);

class Opened {
 public:
  Opened();
  ~Opened();
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
};

}  // namespace ssd::emulator
