// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ssd {

// A file that appears whole or not at all: written beside path and renamed on Commit. Without
// Commit nothing is left. A link is followed; a device, a pipe or a folder is refused. Errors are
// Status::kData and name the path.
class AtomicFile {
 public:
  enum class Use {
    kRecord,  // written as path + ".tmp", by one writer at a time; on the disk after Commit
    kCache,   // any number of writers, the last to Commit wins; lost if the machine stops soon
  };
  explicit AtomicFile(const std::string& path, Use use = Use::kRecord);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void Write(const void* data, size_t size);
  void Write(std::string_view text) { Write(text.data(), text.size()); }
  void Commit();

 private:
  [[noreturn]] void Fail(const char* what) const;

  const std::string path_;
  const Use use_;
  std::string temporary_;
  int fd_;
  bool committed_ = false;
};

}  // namespace ssd
