// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <iterator>

namespace ssd {

// Norm of the difference over norm of what is wanted, of two arrays of numbers; infinite when they
// differ in length.
template <class Got, class Want>
double Distance(const Got& got, const Want& want) {
  if (std::size(got) != std::size(want)) return INFINITY;
  double difference = 0, norm = 0;
  for (size_t i = 0; i < std::size(want); ++i) {
    const double g = got[i], w = want[i];
    difference += (g - w) * (g - w);
    norm += w * w;
  }
  return std::sqrt(difference / norm);
}

}  // namespace ssd
