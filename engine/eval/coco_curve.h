// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "eval/coco_match.h"

namespace ssd::coco {

inline constexpr int kRecallPoints = 101;  // 0, 0.01 .. 1

// A detection's verdicts and its rank by score among those of its image and category.
struct Judged {
  Verdicts verdicts;
  uint8_t rank;
};

// Recall is asked for all areas at 1, 10 and 100 detections an image, then at 100 for the three
// sizes.
inline constexpr int kRecalls = 6;

// Precision and recall of one category. -1: undefined (no object in the area range).
struct Curves {
  std::array<int64_t, kAreas> objects{};  // not ignored ones
  std::vector<double> precision;          // [kAreas, kThresholds, kRecallPoints]
  std::array<std::array<double, kThresholds>, kRecalls> recall;
};

// Spec section 9, "Per category". detections in the order of falling score over all images.
Curves MakeCurves(std::span<const Judged* const> detections,
                  const std::array<int64_t, kAreas>& objects);

// The mean as NumPy sums it: pairwise, in blocks of 128 with eight partial sums. -1 for no values.
double Mean(std::span<const double> values);

}  // namespace ssd::coco
