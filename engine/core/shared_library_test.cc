// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "core/shared_library.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace ssd {
namespace {

const SharedLibrary::Advice kAdvice = {"install it", "install a newer one"};

template <class Call>
std::string ErrorOf(const Call& call) {
  try {
    call();
  } catch (const Error& e) {
    EXPECT_EQ(e.status(), Status::kUnavailable);
    return e.what();
  }
  return "no error";
}

TEST(SharedLibrary, FindsFunctions) {
  double (*square_root)(double) = nullptr;
  SharedLibrary("libm.so.6", kAdvice).Find("sqrt", square_root);
  EXPECT_EQ(square_root(9), 3);
}

TEST(SharedLibrary, NamesWhatIsMissing) {
  EXPECT_EQ(ErrorOf([] { SharedLibrary("libnone.so.1", kAdvice); }),
            "libnone.so.1 is missing: install it");
  void (*none)() = nullptr;
  EXPECT_EQ(ErrorOf([&] { SharedLibrary("libm.so.6", kAdvice).Find("none", none); }),
            "libm.so.6 lacks none: install a newer one");
}

}  // namespace
}  // namespace ssd
