// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "core/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "core/error.h"

namespace ssd {

namespace {

// The file that path names, through links. A rename over a device or a pipe would put a file in its
// place, for all programs.
std::string Target(const std::string& path) {
  std::error_code missing;
  const std::string target = std::filesystem::canonical(path, missing).string();
  if (missing) return path;
  if (!std::filesystem::is_regular_file(target))
    Throw(Status::kData, "%s: not a regular file", path.c_str());
  return target;
}

}  // namespace

AtomicFile::AtomicFile(const std::string& path, Use use)
    : path_(Target(path)),
      use_(use),
      temporary_(path_ + (use == Use::kCache ? ".XXXXXX" : ".tmp")) {
  fd_ = use == Use::kCache
            ? mkostemp(temporary_.data(), O_CLOEXEC)
            : open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) Fail("cannot create");
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) close(fd_);
  if (!committed_) unlink(temporary_.c_str());
}

void AtomicFile::Write(const void* data, size_t size) {
  const char* next = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t n = write(fd_, next, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) Fail("cannot write");
    next += n;
    size -= static_cast<size_t>(n);
  }
}

void AtomicFile::Commit() {
  if (use_ == Use::kCache && fchmod(fd_, 0644) != 0) Fail("cannot write");
  if (use_ == Use::kRecord && fsync(fd_) != 0) Fail("cannot write");
  if (close(std::exchange(fd_, -1)) != 0) Fail("cannot write");
  if (rename(temporary_.c_str(), path_.c_str()) != 0) Fail("cannot rename");
  committed_ = true;
  if (use_ == Use::kCache) return;
  const size_t slash = path_.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
  const int dir = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir < 0) return;
  fsync(dir);
  close(dir);
}

void AtomicFile::Fail(const char* what) const {
  Throw(Status::kData, "%s: %s: %s", path_.c_str(), what, std::strerror(errno));
}

}  // namespace ssd
