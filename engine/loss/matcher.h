// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "loss/default_boxes.h"

namespace ssd {

// Spec section 3, "Matching" and "Offsets": writes label[8732] (0 = background) and offset[8732 *
// 4] (0 for background) of one image. boxes are ltrb in 0..1, labels 1..80, in the order they come.
// Allocates nothing after the first call of a thread.
void EncodeTargets(std::span<const CornerBox> boxes, std::span<const int32_t> labels,
                   std::span<int32_t> label, std::span<float> offset);

}  // namespace ssd
