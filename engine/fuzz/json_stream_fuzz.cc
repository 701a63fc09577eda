// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// A stream hands out the same texts whatever its window, and fails alike. Input: one byte for the
// window, then the file.
#include <vector>

#include "core/json_stream.h"
#include "fuzz/fuzz.h"

namespace ssd {
namespace {

// What is read before the end or the error; the last text says which it was.
std::vector<std::string> Walk(const std::string& path, size_t window, JsonStream::Root root) {
  std::vector<std::string> got;
  const bool whole = fuzz::Reads([&] {
    JsonStream json(path, window, root);
    std::string_view text;
    if (root == JsonStream::Root::kArray) {
      while (json.NextElement(&text)) got.emplace_back(text);
      return;
    }
    for (std::string key; json.NextKey(&key);) {
      got.push_back(key);
      if (key == "list") {
        json.EnterArray();
        while (json.NextElement(&text)) got.emplace_back(text);
      } else {
        got.emplace_back(json.SkipValue());
      }
    }
  });
  got.emplace_back(whole ? "end" : "error");
  return got;
}

}  // namespace
}  // namespace ssd

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static ssd::fuzz::MemoryFile file;
  if (size == 0) return 0;
  const std::string& path = file.Write(data + 1, size - 1);
  const size_t window = 1 + data[0];
  for (const auto root : {ssd::JsonStream::Root::kObject, ssd::JsonStream::Root::kArray}) {
    FUZZ_CHECK(ssd::Walk(path, window, root) == ssd::Walk(path, 1 << 16, root));
  }
  return 0;
}
