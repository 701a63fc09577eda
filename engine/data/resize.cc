// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/resize.h"

#include <algorithm>
#include <cmath>

namespace ssd {

void ResizeTaps::Build(int32_t in, int32_t out, bool mirrored) {
  const double scale = static_cast<double>(in) / out;
  const double radius = std::max(scale, 1.0);
  taps_ = std::min(static_cast<int32_t>(std::ceil(2 * radius)), in);
  first_.resize(out);
  weights_.assign(static_cast<size_t>(out) * taps_, 0.0f);
  for (int32_t o = 0; o < out; ++o) {
    const int32_t slot = mirrored ? out - 1 - o : o;
    const double centre = (o + 0.5) * scale - 0.5;  // in input pixels, the first one at 0
    const int32_t low = static_cast<int32_t>(std::floor(centre - radius)) + 1;
    const int32_t first = std::clamp(low, 0, in - taps_);
    float* weight = &weights_[static_cast<size_t>(slot) * taps_];
    const auto value = [&](int32_t t) {
      return std::max(1 - std::abs(first + t - centre) / radius, 0.0);
    };
    double sum = 0;
    for (int32_t t = 0; t < taps_; ++t) sum += value(t);
    for (int32_t t = 0; t < taps_; ++t) weight[t] = static_cast<float>(value(t) / sum);
    first_[slot] = first;
  }
}

}  // namespace ssd
