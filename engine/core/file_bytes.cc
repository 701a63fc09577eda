// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "core/file_bytes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace ssd {
namespace {

constexpr size_t kMaxFile = size_t{1} << 30;

}  // namespace

InputFile::InputFile(const std::string& path)
    : path_(path),
      fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {  // no wait on a FIFO
  if (fd_ < 0) {
    Throw(Status::kData, "%s: cannot be opened: %s", path.c_str(), std::strerror(errno));
  }
  struct stat info;
  const bool regular = fstat(fd_, &info) == 0 && S_ISREG(info.st_mode);
  if (!regular) {
    close(fd_);
    Throw(Status::kData, "%s: not a regular file", path.c_str());
  }
  size_ = static_cast<size_t>(info.st_size);
}

InputFile::~InputFile() { close(fd_); }

size_t InputFile::Read(void* to, size_t n) {
  for (;;) {
    const ssize_t got = read(fd_, to, n);
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR) {
      Throw(Status::kData, "%s: read failed: %s", path_.c_str(), std::strerror(errno));
    }
  }
}

size_t InputFile::ReadAt(size_t offset, void* to, size_t n) const {
  size_t done = 0;
  while (done < n) {
    const ssize_t got =
        pread(fd_, static_cast<char*>(to) + done, n - done, static_cast<off_t>(offset + done));
    if (got == 0) break;
    if (got > 0) {
      done += static_cast<size_t>(got);
    } else if (errno != EINTR) {
      Throw(Status::kData, "%s: read failed: %s", path_.c_str(), std::strerror(errno));
    }
  }
  return done;
}

std::span<const uint8_t> FileBytes::Read(const std::string& path) {
  InputFile file(path);
  const size_t size = file.size();
  if (size > kMaxFile) Throw(Status::kData, "%s: is larger than 1 GiB", path.c_str());
  if (size > capacity_) {
    data_.reset();
    capacity_ = 0;
    data_ = std::make_unique_for_overwrite<uint8_t[]>(size);
    capacity_ = size;
  }
  for (size_t done = 0; done < size;) {
    const size_t n = file.Read(data_.get() + done, size - done);
    if (n == 0) Throw(Status::kData, "%s: became shorter while it was read", path.c_str());
    done += n;
  }
  return {data_.get(), size};
}

}  // namespace ssd
