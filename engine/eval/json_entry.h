// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <simdjson.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace ssd::coco {

// An object in a list of a JSON file: reads its keys, and names file, list and entry where it
// cannot. Of a key that occurs twice the last value counts, as in Python. Lives no longer than what
// it was made from.
class JsonEntry {
 public:
  // text: the entry's JSON, followed by JsonStream::kPadding readable bytes. list: "annotations ",
  // say.
  JsonEntry(const std::string& path, const char* list, int64_t index, std::string_view text,
            simdjson::dom::parser& parser);

  [[noreturn]] void Fail(const char* key, const char* what) const;
  int64_t Integer(const char* key) const;
  double Number(const char* key) const;
  bool Flag(const char* key) const;  // a boolean, or an integer that is not 0
  std::string TextOr(const char* key, const char* missing) const;
  std::array<double, 4> Box() const;

 private:
  bool Find(const char* key, simdjson::dom::element* value) const;
  simdjson::dom::element Get(const char* key) const;
  [[noreturn]] void FailBroken(std::string_view text, const char* what) const;

  const std::string& path_;
  const char* list_;
  int64_t index_;
  simdjson::dom::object object_;
};

// What JsonEntry reads, without a message; false if it is not that.
bool ReadInteger(simdjson::dom::element value, int64_t* out);
bool ReadNumber(simdjson::dom::element value, double* out);
bool ReadBox(simdjson::dom::element value, std::array<double, 4>* out);

// The first word or number outside strings that Python writes for a number that is not finite (NaN,
// Infinity), or whose value is beyond the doubles: as `key: NaN`. Empty if there is none.
std::string FindNotFinite(std::string_view text);

}  // namespace ssd::coco
