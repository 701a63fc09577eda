// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "core/shared_library.h"

#include <gtest/gtest.h>

#include "testing/error_of.h"

namespace ssd {
namespace {

const SharedLibrary::Advice kAdvice = {"install it", "install a newer one"};

TEST(SharedLibrary, FindsFunctions) {
  double (*square_root)(double) = nullptr;
  SharedLibrary("libm.so.6", kAdvice).Find("sqrt", square_root);
  EXPECT_EQ(square_root(9), 3);
}

TEST(SharedLibrary, NamesWhatIsMissing) {
  EXPECT_EQ(ErrorOf(Status::kUnavailable, [] { SharedLibrary("libnone.so.1", kAdvice); }),
            "libnone.so.1 is missing: install it");
  void (*none)() = nullptr;
  EXPECT_EQ(ErrorOf(Status::kUnavailable,
                    [&] { SharedLibrary("libm.so.6", kAdvice).Find("none", none); }),
            "libm.so.6 lacks none: install a newer one");
}

}  // namespace
}  // namespace ssd
