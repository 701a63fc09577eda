// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dnnl.hpp>
#include <vector>

#include "core/bfloat16.h"
#include "testing/reference.h"

// What the tests of both kinds of Winograd share.
namespace ssd::testing {

// Whether oneDNN may use, and this processor has, what their kernels are made of.
inline bool HasIsa(dnnl::cpu_isa wanted) {
  const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  return (isa & static_cast<unsigned>(wanted)) == static_cast<unsigned>(wanted);
}
inline bool HasAvx512() { return HasIsa(dnnl::cpu_isa::avx512_core); }
inline bool HasBf16Dot() { return HasIsa(dnnl::cpu_isa::avx512_core_bf16); }

// -limit..limit, whole numbers, always the same.
inline std::vector<double> Integers(size_t size, int64_t limit, uint32_t seed) {
  std::vector<double> v(size);
  for (double& value : v) {
    seed = seed * 1664525u + 1013904223u;
    value = static_cast<double>(static_cast<int64_t>(seed >> 8) % (2 * limit + 1) - limit);
  }
  return v;
}

template <class T>
std::vector<T> ChannelsLast(const Tensor& t, T (*convert)(float)) {
  std::vector<T> out;
  for (int64_t i = 0; i < t.n; ++i)
    for (int64_t y = 0; y < t.h; ++y)
      for (int64_t x = 0; x < t.w; ++x)
        for (int64_t j = 0; j < t.c; ++j)
          out.push_back(convert(static_cast<float>(t.at(i, j, y, x))));
  return out;
}

}  // namespace ssd::testing
