// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "core/safetensors.h"

#include <simdjson.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/file_bytes.h"

namespace ssd {

static_assert(std::endian::native == std::endian::little);

namespace {

constexpr size_t kMaxHeader = 16u << 20;  // a full model has 40 KB

struct TypeName {
  DType dtype;
  std::string_view name;
};
constexpr TypeName kTypes[] = {{DType::kF32, "F32"}, {DType::kBF16, "BF16"}, {DType::kF16, "F16"},
                               {DType::kI32, "I32"}, {DType::kI64, "I64"},   {DType::kU8, "U8"}};

std::string_view NameOf(DType dtype) {
  for (const auto& t : kTypes)
    if (t.dtype == dtype) return t.name;
  return "?";
}

std::string ShapeText(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i) text += ", ";
    text += shape[i] < 0 ? "?" : std::to_string(shape[i]);
  }
  return text + "]";
}

// Product of the extents, or -1 on a negative extent or overflow.
int64_t Count(std::span<const int64_t> shape) {
  int64_t count = 1;
  for (const int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(count, extent, &count)) return -1;
  return count;
}

TensorFile::Entry ParseEntry(const std::string& path, const std::string& name,
                             simdjson::dom::element value, std::span<const std::byte> data) {
  std::string_view type;
  simdjson::dom::array shape, offsets;
  if (value["dtype"].get(type) || value["shape"].get(shape) || value["data_offsets"].get(offsets))
    Throw(Status::kData, "%s: tensor %s: dtype, shape or data_offsets is missing", path.c_str(),
          name.c_str());
  TensorFile::Entry entry{};
  const auto* known = std::find_if(std::begin(kTypes), std::end(kTypes),
                                   [&](const TypeName& t) { return t.name == type; });
  if (known == std::end(kTypes))
    Throw(Status::kData, "%s: tensor %s: type %.*s is not supported", path.c_str(), name.c_str(),
          static_cast<int>(type.size()), type.data());
  entry.dtype = known->dtype;
  for (const auto extent : shape) {
    int64_t n;
    if (extent.get(n)) Throw(Status::kData, "%s: tensor %s: bad shape", path.c_str(), name.c_str());
    entry.shape.push_back(n);
  }
  uint64_t begin, end;
  if (offsets.size() != 2 || offsets.at(0).get(begin) || offsets.at(1).get(end) || begin > end ||
      end > data.size())
    Throw(Status::kData, "%s: tensor %s: data_offsets lie outside the file (truncated?)",
          path.c_str(), name.c_str());
  const int64_t count = Count(entry.shape);
  int64_t bytes;
  if (count < 0 ||
      __builtin_mul_overflow(count, static_cast<int64_t>(SizeOf(entry.dtype)), &bytes) ||
      static_cast<uint64_t>(bytes) != end - begin)
    Throw(Status::kData, "%s: tensor %s: shape %s does not fit its %llu bytes", path.c_str(),
          name.c_str(), ShapeText(entry.shape).c_str(),
          static_cast<unsigned long long>(end - begin));
  entry.bytes = data.subspan(begin, end - begin);
  return entry;
}

// Refuses bytes of several tensors, and of none.
void CheckLayout(const std::string& path, const TensorFile::Entries& entries,
                 std::span<const std::byte> data) {
  std::vector<const TensorFile::Entries::value_type*> sorted;
  for (const auto& item : entries) sorted.push_back(&item);
  std::ranges::sort(sorted, {}, [](const auto* item) {
    return std::pair(item->second.bytes.data(), item->second.bytes.size());
  });
  const std::byte* end = data.data();
  for (const auto* item : sorted) {
    if (item->second.bytes.data() != end)
      Throw(Status::kData, "%s: tensor %s: its bytes %s", path.c_str(), item->first.c_str(),
            item->second.bytes.data() < end ? "overlap those of another"
                                            : "follow others of no tensor");
    end += item->second.bytes.size();
  }
  if (end != data.data() + data.size())
    Throw(Status::kData, "%s: the last %td bytes belong to no tensor", path.c_str(),
          data.data() + data.size() - end);
}

constexpr uint64_t kFnvBasis = 0xcbf29ce484222325u;

uint64_t AddToChecksum(uint64_t sum, std::span<const std::byte> bytes) {
  constexpr uint64_t kFnvPrime = 0x100000001b3u;
  for (size_t i = 0; i < bytes.size(); i += 4) {
    uint32_t word = 0;
    std::memcpy(&word, bytes.data() + i, std::min<size_t>(4, bytes.size() - i));
    sum = (sum ^ word) * kFnvPrime;
  }
  return sum;
}

}  // namespace

TensorFile::TensorFile(const std::string& path) : path_(path) {
  const InputFile file(path);
  size_ = file.size();
  if (size_ < 8) Throw(Status::kData, "%s: %zu bytes are no safetensors file", path.c_str(), size_);
  void* map = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
  if (map == MAP_FAILED)
    Throw(Status::kData, "%s: cannot map: %s", path.c_str(), std::strerror(errno));
  map_ = static_cast<const std::byte*>(map);
  try {
    ParseHeader();
  } catch (...) {
    munmap(map, size_);
    throw;
  }
}

TensorFile::~TensorFile() { munmap(const_cast<std::byte*>(map_), size_); }

void TensorFile::ParseHeader() {
  uint64_t length;
  std::memcpy(&length, map_, 8);
  if (length > size_ - 8 || length > kMaxHeader)
    Throw(Status::kData, "%s: no safetensors file (a header of %llu bytes in a file of %zu)",
          path_.c_str(), static_cast<unsigned long long>(length), size_);
  const std::span data(map_ + 8 + length, size_ - 8 - length);
  simdjson::dom::parser parser;
  simdjson::dom::object header;
  const simdjson::padded_string text(reinterpret_cast<const char*>(map_) + 8, length);
  if (const auto error = parser.parse(text).get(header))
    Throw(Status::kData, "%s: safetensors header: %s", path_.c_str(),
          simdjson::error_message(error));
  for (const auto field : header) {
    const std::string name(field.key);
    if (name == "__metadata__") {
      simdjson::dom::object pairs;
      if (field.value.get(pairs))
        Throw(Status::kData, "%s: __metadata__ is no object", path_.c_str());
      for (const auto pair : pairs) {
        std::string_view value;
        if (pair.value.get(value))
          Throw(Status::kData, "%s: __metadata__ holds a value that is no string", path_.c_str());
        metadata_.emplace(pair.key, value);
      }
    } else if (!entries_.emplace(name, ParseEntry(path_, name, field.value, data)).second) {
      Throw(Status::kData, "%s: tensor %s stands twice", path_.c_str(), name.c_str());
    }
  }
  CheckLayout(path_, entries_, data);
}

const TensorFile::Entry& TensorFile::At(std::string_view name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end())
    Throw(Status::kData, "%s: tensor %.*s is missing", path_.c_str(), static_cast<int>(name.size()),
          name.data());
  return found->second;
}

const TensorFile::Entry& TensorFile::Checked(std::string_view name, DType dtype,
                                             std::span<const int64_t> shape) const {
  const Entry& entry = At(name);
  const bool fits = std::equal(shape.begin(), shape.end(), entry.shape.begin(), entry.shape.end(),
                               [](int64_t want, int64_t got) { return want < 0 || want == got; });
  if (entry.dtype != dtype || !fits)
    Throw(Status::kData, "%s: tensor %.*s is %s %s, must be %s %s", path_.c_str(),
          static_cast<int>(name.size()), name.data(), std::string(NameOf(entry.dtype)).c_str(),
          ShapeText(entry.shape).c_str(), std::string(NameOf(dtype)).c_str(),
          ShapeText(shape).c_str());
  if (reinterpret_cast<uintptr_t>(entry.bytes.data()) % SizeOf(dtype) != 0)
    Throw(Status::kData, "%s: tensor %.*s is not aligned to its type", path_.c_str(),
          static_cast<int>(name.size()), name.data());
  return entry;
}

std::span<const float> TensorFile::F32(std::string_view name,
                                       std::span<const int64_t> shape) const {
  const Entry& entry = Checked(name, DType::kF32, shape);
  return {reinterpret_cast<const float*>(entry.bytes.data()), entry.bytes.size() / 4};
}

std::span<const float> TensorFile::FiniteF32(std::string_view name,
                                             std::span<const int64_t> shape) const {
  const auto values = F32(name, shape);
  if (!std::ranges::all_of(values, [](float v) { return std::isfinite(v); }))
    Throw(Status::kData, "%s: tensor %.*s holds a value that is not finite", path_.c_str(),
          static_cast<int>(name.size()), name.data());
  return values;
}

std::span<const int32_t> TensorFile::I32(std::string_view name,
                                         std::span<const int64_t> shape) const {
  const Entry& entry = Checked(name, DType::kI32, shape);
  return {reinterpret_cast<const int32_t*>(entry.bytes.data()), entry.bytes.size() / 4};
}

uint64_t TensorFile::Checksum() const {
  uint64_t sum = kFnvBasis;
  for (const auto& [name, entry] : entries_) sum = AddToChecksum(sum, entry.bytes);
  return sum;
}

uint64_t TensorWriter::Checksum() const {
  uint64_t sum = kFnvBasis;
  for (const auto& [name, item] : items_) sum = AddToChecksum(sum, item.bytes);
  return sum;
}

void TensorWriter::Add(std::string name, DType dtype, std::vector<int64_t> shape,
                       const void* data) {
  const int64_t count = Count(shape);
  SSD_CHECK(count >= 0);
  const size_t bytes = static_cast<size_t>(count) * SizeOf(dtype);
  items_[std::move(name)] = {dtype, std::move(shape), {static_cast<const std::byte*>(data), bytes}};
}

void TensorWriter::SetMetadata(std::string key, std::string value) {
  metadata_[std::move(key)] = std::move(value);
}

namespace {

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", c);
      out += escape;
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace

void TensorWriter::Write(const std::string& path) const {
  std::string header = "{";
  if (!metadata_.empty()) {
    header += "\"__metadata__\":{";
    for (const auto& [key, value] : metadata_) {
      if (header.back() != '{') header += ',';
      header += Quoted(key) + ":" + Quoted(value);
    }
    header += '}';
  }
  uint64_t offset = 0;
  for (const auto& [name, item] : items_) {
    if (header.size() > 1) header += ',';
    header += Quoted(name) + ":{\"dtype\":\"" + std::string(NameOf(item.dtype)) +
              "\",\"shape\":" + ShapeText(item.shape) + ",\"data_offsets\":[" +
              std::to_string(offset) + "," + std::to_string(offset + item.bytes.size()) + "]}";
    offset += item.bytes.size();
  }
  header += '}';
  header.resize((header.size() + 8 + 63) / 64 * 64 - 8, ' ');  // data start 64-byte aligned

  AtomicFile file(path);
  const uint64_t length = header.size();
  file.Write(&length, 8);
  file.Write(header.data(), header.size());
  for (const auto& [name, item] : items_) file.Write(item.bytes.data(), item.bytes.size());
  file.Commit();
}

}  // namespace ssd
