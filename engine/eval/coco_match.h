// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "eval/coco_map.h"

namespace ssd::coco {

inline constexpr int kThresholds = 10;                               // IoU 0.50, 0.55 .. 0.95
inline constexpr uint16_t kAllThresholds = (1u << kThresholds) - 1;  // a bit each
inline constexpr int kAreas = 4;                                     // all, small, medium, large
inline constexpr int64_t kMaxDetections = 100;                       // of an image and category

// The IoU thresholds, and the area ranges in square pixels (both ends belong to them).
const std::array<double, kThresholds>& IouThresholds();
inline constexpr double kAreaLow[kAreas] = {0, 0, 32 * 32, 96 * 96};
inline constexpr double kAreaHigh[kAreas] = {1e10, 32 * 32, 96 * 96, 1e10};

// A detection or an object as matching reads it.
struct Box {
  double x, y, w, h;
};

// What became of a detection in one area range: one bit a threshold. counted = not ignored;
// true_positive is a part of it, the rest of it are false positives.
struct Verdict {
  uint16_t true_positive = 0;
  uint16_t counted = 0;
};
using Verdicts = std::array<Verdict, kAreas>;

bool IsIgnored(const CocoObject& object, int area);

// Spec section 9, the greedy matching of one image and category. Keeps its memory between calls;
// one thread.
class CellMatcher {
 public:
  // boxes: at most kMaxDetections, by falling score. objects: in file order.
  void Match(std::span<const Box> boxes, std::span<const CocoObject> objects,
             std::span<Verdicts> verdicts);

 private:
  void ComputeIous(std::span<const Box> boxes, std::span<const CocoObject> objects);
  void MatchArea(int area, std::span<const CocoObject> objects, std::span<Verdicts> verdicts);
  int64_t BestObject(size_t d, double threshold, std::span<const CocoObject> objects) const;

  std::vector<double> iou_;       // [boxes, objects]
  std::vector<double> best_iou_;  // [boxes]
  std::vector<int64_t> order_;    // objects, ignored ones last
  std::vector<uint8_t> ignored_;  // by place in order_
  std::vector<uint8_t> taken_;    // by place in order_
};

}  // namespace ssd::coco
