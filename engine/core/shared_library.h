// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace ssd {

// A library that is opened when it is needed, as the engine loads without it; it stays open. Errors
// are Status::kUnavailable, name the library and end with a way out.
class SharedLibrary {
 public:
  struct Advice {
    std::string missing;  // when it cannot be opened
    std::string old;      // when it lacks a function
  };
  SharedLibrary(const char* name, const Advice& advice);

  template <class Function>
  void Find(const char* symbol, Function& function) const {
    function = reinterpret_cast<Function>(Address(symbol));
  }

 private:
  void* Address(const char* symbol) const;

  const char* const name_;
  const Advice advice_;
  void* const library_;
};

}  // namespace ssd
