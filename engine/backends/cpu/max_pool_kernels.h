// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "core/bfloat16.h"

namespace ssd {

struct PoolShape {
  int64_t channels, x_height, x_width, y_height, y_width, kernel, stride, pad;
};

// Channels-last max-pool of output rows [begin, end), counted over all images. winner (or null)
// gets the place in the window, row * kernel + column, [n][y_height][y_width][channels]. T is float
// or bfloat16; channels is a multiple of 16. Single-threaded.
template <class T>
void PoolRows(const PoolShape& shape, const T* x, T* y, uint8_t* winner, int64_t begin,
              int64_t end);

// Its input gradient, input rows [begin, end): each input takes the sum of dy's terms over the
// outputs that it won.
template <class T>
void UnpoolRows(const PoolShape& shape, const std::vector<const T*>& dy, const uint8_t* winner,
                T* dx, int64_t begin, int64_t end);

}  // namespace ssd
