// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "core/shared_library.h"

#include <dlfcn.h>

#include "core/error.h"

namespace ssd {

SharedLibrary::SharedLibrary(const char* name, const Advice& advice)
    : name_(name), advice_(advice), library_(dlopen(name, RTLD_NOW | RTLD_LOCAL)) {
  if (library_ == nullptr)
    Throw(Status::kUnavailable, "%s is missing: %s", name, advice.missing.c_str());
}

void* SharedLibrary::Address(const char* symbol) const {
  void* const address = dlsym(library_, symbol);
  if (address == nullptr)
    Throw(Status::kUnavailable, "%s lacks %s: %s", name_, symbol, advice_.old.c_str());
  return address;
}

}  // namespace ssd
