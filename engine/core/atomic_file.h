// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ssd {

// A file that appears whole or not at all: written as path + ".tmp", and on Commit synced, renamed
// and its folder synced. Without Commit nothing is left. Errors are Status::kData and name the
// path.
class AtomicFile {
 public:
  explicit AtomicFile(const std::string& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void Write(const void* data, size_t size);
  void Write(std::string_view text) { Write(text.data(), text.size()); }
  void Commit();

 private:
  [[noreturn]] void Fail(const char* what) const;

  const std::string path_, temporary_;
  int fd_;
  bool committed_ = false;
};

}  // namespace ssd
