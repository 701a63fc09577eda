// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/fuzz.h"

namespace ssd::fuzz {

MemoryFile::MemoryFile()
    : fd_(memfd_create("fuzz", MFD_CLOEXEC)), path_("/proc/self/fd/" + std::to_string(fd_)) {
  FUZZ_CHECK(fd_ >= 0);
}

const std::string& MemoryFile::Write(const uint8_t* data, size_t size) {
  FUZZ_CHECK(ftruncate(fd_, 0) == 0);
  FUZZ_CHECK(pwrite(fd_, data, size, 0) == static_cast<ssize_t>(size));
  return path_;
}

}  // namespace ssd::fuzz
