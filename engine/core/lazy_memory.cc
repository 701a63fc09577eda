// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "core/lazy_memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace ssd {

LazyMemory::LazyMemory(size_t size, const char* what) : size_(size) {
  if (size == 0) return;
  data_ = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
               -1, 0);
  if (data_ == MAP_FAILED)
    Throw(Status::kUnavailable, "%s: no %zu MB of memory: %s", what, size >> 20,
          std::strerror(errno));
}

LazyMemory::~LazyMemory() {
  if (size_ > 0) munmap(data_, size_);
}

}  // namespace ssd
