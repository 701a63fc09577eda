// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"

namespace ssd {

// A safetensors file: 8 bytes of little-endian header length, a JSON header, then the data.
// Reading maps the file; the spans live as long as the object. Errors are Status::kData and name
// the file and the tensor.
class TensorFile {
 public:
  struct Entry {
    DType dtype;
    std::vector<int64_t> shape;
    std::span<const std::byte> bytes;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  explicit TensorFile(const std::string& path);
  ~TensorFile();
  TensorFile(const TensorFile&) = delete;
  TensorFile& operator=(const TensorFile&) = delete;

  const std::string& path() const { return path_; }
  const Entries& entries() const { return entries_; }
  const std::map<std::string, std::string, std::less<>>& metadata() const { return metadata_; }
  bool Has(std::string_view name) const { return entries_.contains(name); }
  uint64_t Checksum() const;  // see TensorWriter
  // The tensor; refuses another dtype or shape. A -1 in shape matches any extent.
  std::span<const float> F32(std::string_view name, std::span<const int64_t> shape) const;
  // The same, of which every value must be finite.
  std::span<const float> FiniteF32(std::string_view name, std::span<const int64_t> shape) const;
  std::span<const int32_t> I32(std::string_view name, std::span<const int64_t> shape) const;
  const Entry& At(std::string_view name) const;

 private:
  const Entry& Checked(std::string_view name, DType dtype, std::span<const int64_t> shape) const;
  void ParseHeader();

  std::string path_;
  const std::byte* map_ = nullptr;
  size_t size_ = 0;
  Entries entries_;
  std::map<std::string, std::string, std::less<>> metadata_;
};

// Collects tensors (views: the caller's memory must live until Write) and writes them at once.
class TensorWriter {
 public:
  void Add(std::string name, DType dtype, std::vector<int64_t> shape, const void* data);
  void SetMetadata(std::string key, std::string value);
  // FNV-1a (64 bit) over the data of all tensors in the order of their names, in little-endian
  // words of 32 bits, the last word of a tensor filled with zeros. The same in Go:
  // worker/checkpoint.go.
  uint64_t Checksum() const;
  // Atomic: a temporary file beside it, fsync, rename, fsync of the folder. On an error nothing is
  // left.
  void Write(const std::string& path) const;

 private:
  TensorFile::Entries items_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace ssd
