// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace ssd {

// A regular file opened for reading. Errors are Status::kData and name the file.
class InputFile {
 public:
  explicit InputFile(const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  size_t size() const { return size_; }   // bytes when it was opened
  int descriptor() const { return fd_; }  // open as long as this
  // The next bytes of the file, at most n; 0 only at its end.
  size_t Read(void* to, size_t n);
  // The bytes from offset on: n of them, fewer only at the end of the file. Any thread, any order.
  size_t ReadAt(size_t offset, void* to, size_t n) const;

 private:
  std::string path_;
  int fd_;
  size_t size_ = 0;
};

// The content of a file in memory that is used again for the next file. Not thread-safe.
class FileBytes {
 public:
  // Valid until the next call. Throws like InputFile, and for a file of more than 1 GiB.
  std::span<const uint8_t> Read(const std::string& path);

 private:
  std::unique_ptr<uint8_t[]> data_;
  size_t capacity_ = 0;
};

}  // namespace ssd
