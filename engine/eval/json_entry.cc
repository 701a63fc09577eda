// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "eval/json_entry.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "core/error.h"

namespace ssd::coco {
namespace {

namespace dom = simdjson::dom;

constexpr size_t kMaxShown = 40;  // bytes of a file in a message

size_t StringEnd(std::string_view text, size_t quote) {
  size_t i = quote + 1;
  while (i < text.size() && text[i] != '"') i += text[i] == '\\' ? 2 : 1;
  return std::min(i + 1, text.size());
}

bool IsNotFinite(const std::string& word) {
  if (word.find("NaN") != word.npos || word.find("Infinity") != word.npos) return true;
  char* end;
  const double value = std::strtod(word.c_str(), &end);
  return *end == '\0' && !std::isfinite(value);
}

}  // namespace

std::string FindNotFinite(std::string_view text) {
  std::string_view key;
  for (size_t i = 0; i < text.size();) {
    if (text[i] == '"') {
      const size_t end = StringEnd(text, i);
      const size_t next = text.find_first_not_of(" \t\r\n", end);
      if (next != text.npos && text[next] == ':' && end - i > 2) {
        key = text.substr(i + 1, std::min(end - i - 2, kMaxShown));
      }
      i = end;
      continue;
    }
    size_t end = text.find_first_of(" \t\r\n,:[]{}\"", i);
    end = std::min(end, text.size());
    if (end == i) {
      ++i;
      continue;
    }
    const std::string word(text.substr(i, end - i));
    if (IsNotFinite(word)) return std::string(key) + ": " + word.substr(0, kMaxShown);
    i = end;
  }
  return "";
}

JsonEntry::JsonEntry(const std::string& path, const char* list, int64_t index,
                     std::string_view text, dom::parser& parser)
    : path_(path), list_(list), index_(index) {
  dom::element element;
  const auto code = parser.parse(text.data(), text.size(), false).get(element);
  if (code) FailBroken(text, simdjson::error_message(code));
  if (element.get(object_)) {
    Throw(Status::kData, "%s: %s%lld: not an object", path_.c_str(), list_,
          static_cast<long long>(index_));
  }
}

void JsonEntry::FailBroken(std::string_view text, const char* what) const {
  const auto index = static_cast<long long>(index_);
  const std::string found = FindNotFinite(text);
  if (!found.empty()) {
    Throw(Status::kData, "%s: %s%lld: %s: not a finite number", path_.c_str(), list_, index,
          found.c_str());
  }
  Throw(Status::kData, "%s: %s%lld: broken JSON: %s", path_.c_str(), list_, index, what);
}

void JsonEntry::Fail(const char* key, const char* what) const {
  Throw(Status::kData, "%s: %s%lld: %s: %s", path_.c_str(), list_, static_cast<long long>(index_),
        key, what);
}

bool JsonEntry::Find(const char* key, dom::element* value) const {
  bool found = false;
  for (const auto& field : object_) {
    if (field.key != key) continue;
    found = true;
    *value = field.value;
  }
  return found;
}

dom::element JsonEntry::Get(const char* key) const {
  dom::element value;
  if (!Find(key, &value)) Fail(key, "the key is missing");
  return value;
}

int64_t JsonEntry::Integer(const char* key) const {
  int64_t value;
  if (!ReadInteger(Get(key), &value)) Fail(key, "not an integer of 64 bits");
  return value;
}

double JsonEntry::Number(const char* key) const {
  double value;
  if (!ReadNumber(Get(key), &value)) Fail(key, "not a finite number");
  return value;
}

bool JsonEntry::Flag(const char* key) const {
  bool flag;
  return Get(key).get(flag) ? Integer(key) != 0 : flag;
}

std::string JsonEntry::TextOr(const char* key, const char* missing) const {
  dom::element value;
  if (!Find(key, &value)) return missing;
  std::string_view text;
  if (value.get(text)) Fail(key, "not a string");
  return std::string(text);
}

std::array<double, 4> JsonEntry::Box() const {
  std::array<double, 4> box;
  if (!ReadBox(Get("bbox"), &box)) Fail("bbox", "not a list of four finite numbers");
  return box;
}

bool ReadInteger(dom::element value, int64_t* out) {
  if (!value.get(*out)) return true;
  double number;
  if (value.get(number) || number != std::floor(number) || std::abs(number) >= 0x1p63) return false;
  *out = static_cast<int64_t>(number);
  return true;
}

bool ReadNumber(dom::element value, double* out) { return !value.get(*out) && std::isfinite(*out); }

bool ReadBox(dom::element value, std::array<double, 4>* out) {
  dom::array array;
  if (value.get(array)) return false;
  size_t n = 0;
  for (const dom::element element : array) {
    if (n == 4 || !ReadNumber(element, &(*out)[n])) return false;
    ++n;
  }
  return n == 4;
}

}  // namespace ssd::coco
