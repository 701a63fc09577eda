// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>
#include <vector>

#include "eval/coco_map.h"

namespace ssd {

// Spec section 9 in plain loops and maps, without regard to speed: the oracle of ScoreCoco in
// tests. Objects with different ids.
struct PlainScore {
  std::array<double, 12> stats;
  std::vector<std::array<double, 10>> category_ap;  // by category and threshold; -1 = left out
};
PlainScore ScorePlainly(const CocoTruth& truth, std::span<const CocoDetection> detections);

}  // namespace ssd
