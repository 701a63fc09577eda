// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>

namespace ssd {

// Spec section 3. Centre form (cx, cy, w, h), clipped, relative to the image.
using CenterBox = std::array<float, 4>;
// Left, top, right, bottom, relative.
using CornerBox = std::array<float, 4>;

// The 8732 default boxes in the order map, row, column, shape. Computed once, in double.
std::span<const CenterBox> DefaultBoxes();
// The same in corner form, from the clipped centre form, both in double and rounded once: this
// decides ties of IoU as the worked numbers do. May reach outside 0..1.
std::span<const CornerBox> DefaultBoxCorners();

}  // namespace ssd
