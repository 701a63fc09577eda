// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "core/json_stream.h"

#include <hwy/highway.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace ssd {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

bool IsBlank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

// Index of the first quote, backslash, brace or bracket in [i, n); n if there is none. May look at
// kPadding bytes behind n.
size_t FindStructure(const char* text, size_t i, size_t n) {
  const hn::CappedTag<uint8_t, JsonStream::kPadding> d;
  const auto quote = hn::Set(d, '"'), backslash = hn::Set(d, '\\');
  const auto open = hn::Set(d, '{'), close = hn::Set(d, '}'), case_bit = hn::Set(d, 0x20);
  for (; i < n; i += hn::Lanes(d)) {
    const auto v = hn::LoadU(d, reinterpret_cast<const uint8_t*>(text) + i);
    const auto folded = hn::Or(v, case_bit);  // [ and ] become { and }
    const auto hit = hn::Or(hn::Or(hn::Eq(v, quote), hn::Eq(v, backslash)),
                            hn::Or(hn::Eq(folded, open), hn::Eq(folded, close)));
    const intptr_t at = hn::FindFirstTrue(d, hit);
    if (at >= 0) return std::min(i + static_cast<size_t>(at), n);
  }
  return n;
}

}  // namespace

JsonStream::JsonStream(const std::string& path, size_t window, Root root, size_t most)
    : path_(path),
      root_(root),
      file_(path),
      most_(std::max(window, most)),
      capacity_(std::clamp<size_t>(file_.size() + 1, 1, window)),
      window_(std::make_unique<char[]>(capacity_ + kPadding)) {
  if (Peek() < 0) Throw(Status::kData, "%s: the file is empty", path.c_str());
  RefuseOtherForms();
  if (root == Root::kObject) {
    Take('{', "an object must be the root");
  } else {
    Take('[', "a list must be the root");
    in_array_ = true;
  }
}

void JsonStream::Fail(const char* what) const {
  Throw(Status::kData, "%s: not valid JSON near byte %lld: %s", path_.c_str(),
        static_cast<long long>(offset()), what);
}

void JsonStream::RefuseOtherForms() {
  static constexpr struct {
    std::string_view start;
    const char* what;
  } kForms[] = {{"\x1f\x8b", "is compressed: unpack it with gunzip"},
                {"PK\x03\x04", "is a zip archive: unpack it"},
                {"\xef\xbb\xbf", "begins with a byte order mark: save it without"},
                {"\xff\xfe", "is UTF-16: save it as UTF-8"},
                {"\xfe\xff", "is UTF-16: save it as UTF-8"}};
  while (end_ - begin_ < 4 && Refill()) {
  }
  const std::string_view text(window_.get() + begin_, end_ - begin_);
  for (const auto& form : kForms)
    if (base_ + static_cast<int64_t>(begin_) == 0 && text.starts_with(form.start))
      Throw(Status::kData, "%s: %s", path_.c_str(), form.what);
}

bool JsonStream::Refill() {
  if (begin_ > 0) {
    std::memmove(window_.get(), window_.get() + begin_, end_ - begin_);
    base_ += static_cast<int64_t>(begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == capacity_) {
    if (capacity_ == most_) Fail("the value that begins here is too long");
    const size_t more = std::min(2 * capacity_, most_);
    auto larger = std::make_unique_for_overwrite<char[]>(more + kPadding);
    std::memcpy(larger.get(), window_.get(), end_);
    window_ = std::move(larger);
    capacity_ = more;
  }
  const size_t got = file_.Read(window_.get() + end_, capacity_ - end_);
  end_ += got;
  return got > 0;
}

int JsonStream::Peek() {
  for (;;) {
    while (begin_ < end_ && IsBlank(window_[begin_])) ++begin_;
    if (begin_ < end_) return static_cast<unsigned char>(window_[begin_]);
    if (!Refill()) return -1;
  }
}

void JsonStream::Take(char expected, const char* what) {
  const int c = Peek();
  if (c < 0) Fail("the file ends too early");
  if (c != expected) Fail(what);
  ++begin_;
}

bool JsonStream::Separator(char close) {
  const int c = Peek();
  if (c == close) {
    ++begin_;
    return false;
  }
  if (started_) Take(',', "a comma or a closing bracket is missing");
  started_ = true;
  return true;
}

bool JsonStream::NextKey(std::string* key) {
  SSD_CHECK(!in_array_);
  if (!Separator('}')) {
    ExpectEnd();
    return false;
  }
  if (Peek() != '"') Fail("a key is missing");
  const size_t size = StringEnd(0);
  key->assign(window_.get() + begin_ + 1, size - 2);
  begin_ += size;
  Take(':', "a colon is missing");
  return true;
}

void JsonStream::EnterArray() {
  Take('[', "an array is expected");
  in_array_ = true;
  started_ = false;
}

bool JsonStream::NextElement(std::string_view* text) {
  SSD_CHECK(in_array_);
  if (!Separator(']')) {
    in_array_ = false;
    started_ = true;
    if (root_ == Root::kArray) ExpectEnd();
    return false;
  }
  Peek();
  const size_t size = ValueEnd();
  *text = std::string_view(window_.get() + begin_, size);
  begin_ += size;
  return true;
}

std::string_view JsonStream::SkipValue() {
  Peek();
  const size_t size = ValueEnd();
  begin_ += size;
  return std::string_view(window_.get() + begin_ - size, size);
}

void JsonStream::ExpectEnd() {
  if (Peek() >= 0) Fail("more text follows the root");
}

size_t JsonStream::Find(size_t i) {
  for (;;) {
    const size_t at = FindStructure(window_.get(), begin_ + i, end_) - begin_;
    if (begin_ + at < end_) return at;
    i = end_ - begin_;
    if (!Refill()) Fail("the file ends inside the value that begins here");
  }
}

size_t JsonStream::StringEnd(size_t i) {
  for (++i;; ++i) {
    i = Find(i);
    const char c = window_[begin_ + i];
    if (c == '"') return i + 1;
    if (c != '\\') continue;
    ++i;  // the escaped byte; when it is not read yet, Find starts behind it
    while (begin_ + i >= end_) {
      if (!Refill()) Fail("the file ends inside the string that begins here");
    }
  }
}

size_t JsonStream::ValueEnd() {
  const int first = Peek();
  if (first < 0) Fail("the file ends too early");
  if (first == '"') return StringEnd(0);
  if (first != '{' && first != '[') {
    size_t i = 0;
    for (;; ++i) {
      if (begin_ + i >= end_ && !Refill()) Fail("the file ends too early");
      const char c = window_[begin_ + i];
      if (c == ',' || c == '}' || c == ']' || IsBlank(c)) break;
    }
    if (i == 0) Fail("a value is missing");
    return i;
  }
  int64_t depth = 0;
  for (size_t i = 0;;) {
    i = Find(i);
    const char c = window_[begin_ + i];
    if (c == '"') {
      i = StringEnd(i);
      continue;
    }
    ++i;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) return i;
  }
}

}  // namespace ssd
