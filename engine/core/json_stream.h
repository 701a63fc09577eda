// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/file_bytes.h"

namespace ssd {

// Walks the outer two levels of a JSON file `{"key": [element, element, ...], "other": ...}`, or
// the one of `[element, element, ...]`, through a small window, so that a file of any size takes
// little memory; an element is handed out as text for a real parser. Only the outer levels are
// checked here. Errors are Status::kData and name the file and the byte. Not thread-safe.
class JsonStream {
 public:
  // Readable bytes that follow the text of an element (simdjson's padding).
  static constexpr size_t kPadding = 64;

  static constexpr size_t kWindow = size_t{1} << 20;
  static constexpr size_t kMost = size_t{256} << 20;  // bytes of an element, or of a value skipped
  enum class Root { kObject, kArray };

  // window: bytes read at once; it grows to the largest element, at most to `most`. A stream whose
  // root is an array begins inside it: NextElement alone is for it.
  explicit JsonStream(const std::string& path, size_t window = kWindow, Root root = Root::kObject,
                      size_t most = kMost);

  // The next key of the root object; false after its end. REQUIRES: the value of the key before has
  // been taken by SkipValue or by EnterArray and NextElement.
  bool NextKey(std::string* key);
  std::string_view SkipValue();  // its text, valid until the next call
  void EnterArray();
  // The next element of the array; false after its end. The text is valid until the next call.
  bool NextElement(std::string_view* text);
  int64_t offset() const { return base_ + static_cast<int64_t>(begin_); }  // of the next byte

 private:
  [[noreturn]] void Fail(const char* what) const;
  void RefuseOtherForms();  // that people take for JSON
  bool Refill();            // more bytes into the window; false at the end of the file
  int Peek();               // the next byte that is no blank, not taken; -1 at the end
  void Take(char expected, const char* what);
  bool Separator(char close);  // takes a comma between members, or the closing bracket: false
  size_t ValueEnd();           // bytes from begin_ to the end of the value that starts there
  size_t StringEnd(size_t i);  // index behind the string whose opening quote is at begin_ + i
  size_t Find(size_t i);       // first bracket or quote at or after begin_ + i

  void ExpectEnd();  // throws if more than blanks follow

  std::string path_;
  const Root root_;
  InputFile file_;
  const size_t most_;
  size_t capacity_;
  std::unique_ptr<char[]> window_;
  size_t begin_ = 0, end_ = 0;  // valid bytes of the window
  int64_t base_ = 0;            // offset of window_[0] in the file
  bool started_ = false;        // a member of the current object or array has been seen
  bool in_array_ = false;
};

}  // namespace ssd
