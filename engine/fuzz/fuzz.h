// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/error.h"

// What every target defines (libFuzzer's entry). Returns 0.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace ssd::fuzz {

// A file in memory, for readers that want a path. The content is replaced from input to input.
class MemoryFile {
 public:
  MemoryFile();
  const std::string& Write(const uint8_t* data, size_t size);  // its path

 private:
  int fd_;
  std::string path_;
};

// In every build type: the input is a find.
#define FUZZ_CHECK(condition)                                                      \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                \
    }                                                                              \
  } while (false)

// Runs the reader; the only way it may fail is an Error that blames the data. False if it did.
template <typename Body>
bool Reads(const Body& body) {
  try {
    body();
    return true;
  } catch (const Error& e) {
    FUZZ_CHECK(e.status() == Status::kData);
    FUZZ_CHECK(e.what()[0] != '\0');
    return false;
  }
}

}  // namespace ssd::fuzz
