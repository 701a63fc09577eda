// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "eval/coco_match.h"

#include <algorithm>
#include <cmath>

namespace ssd::coco {
namespace {

double Iou(const Box& d, const CocoObject& g) {
  const double w = std::fmin(d.w + d.x, g.w + g.x) - std::fmax(d.x, g.x);
  if (w <= 0) return 0;
  const double h = std::fmin(d.h + d.y, g.h + g.y) - std::fmax(d.y, g.y);
  if (h <= 0) return 0;
  const double inter = w * h;
  const double area = d.w * d.h;
  return inter / (g.crowd ? area : area + g.w * g.h - inter);
}

bool InRange(double value, int area) {
  return !(value < kAreaLow[area] || value > kAreaHigh[area]);
}

}  // namespace

const std::array<double, kThresholds>& IouThresholds() {
  static const auto thresholds = [] {
    std::array<double, kThresholds> t;
    const double step =
        (0.95 - 0.5) / (kThresholds - 1);  // rounds as evenly spaced numbers do in NumPy
    for (int i = 0; i < kThresholds; ++i) t[i] = i * step + 0.5;
    t.back() = 0.95;
    return t;
  }();
  return thresholds;
}

bool IsIgnored(const CocoObject& object, int area) {
  return object.crowd || !InRange(object.area, area);
}

void CellMatcher::ComputeIous(std::span<const Box> boxes, std::span<const CocoObject> objects) {
  iou_.resize(boxes.size() * objects.size());
  best_iou_.assign(boxes.size(), 0);
  for (size_t d = 0; d < boxes.size(); ++d) {
    for (size_t g = 0; g < objects.size(); ++g) {
      const double iou = Iou(boxes[d], objects[g]);
      iou_[d * objects.size() + g] = iou;
      best_iou_[d] = std::max(best_iou_[d], iou);
    }
  }
}

// The place in order_ that detection d takes, or -1. A later object of equal IoU wins; an ignored
// one is taken only where no other is left.
int64_t CellMatcher::BestObject(size_t d, double threshold,
                                std::span<const CocoObject> objects) const {
  const double* iou = &iou_[d * objects.size()];
  double best = threshold;
  int64_t match = -1;
  for (size_t i = 0; i < order_.size(); ++i) {
    if (taken_[i] && !objects[order_[i]].crowd) continue;
    if (match >= 0 && !ignored_[match] && ignored_[i]) break;
    if (iou[order_[i]] < best) continue;
    best = iou[order_[i]];
    match = static_cast<int64_t>(i);
  }
  return match;
}

void CellMatcher::MatchArea(int area, std::span<const CocoObject> objects,
                            std::span<Verdicts> verdicts) {
  order_.clear();
  ignored_.clear();
  for (const bool ignored : {false, true}) {
    for (size_t g = 0; g < objects.size(); ++g) {
      if (IsIgnored(objects[g], area) != ignored) continue;
      order_.push_back(static_cast<int64_t>(g));
      ignored_.push_back(ignored);
    }
  }
  for (int t = 0; t < kThresholds; ++t) {
    const double threshold = IouThresholds()[t];
    const auto bit = static_cast<uint16_t>(1u << t);
    taken_.assign(objects.size(), 0);
    for (size_t d = 0; d < verdicts.size(); ++d) {
      if (best_iou_[d] < threshold) continue;
      const int64_t match = BestObject(d, threshold, objects);
      if (match < 0) continue;
      taken_[match] = 1;
      Verdict& verdict = verdicts[d][area];
      // pycocotools marks a match by the object's id, so that id 0 reads as no match: the detection
      // is a false positive, ignored if it or the object is.
      const bool zero_id = objects[order_[match]].id == 0;
      if (ignored_[match]) {
        verdict.counted &= ~bit;
      } else if (!zero_id) {
        verdict.counted |= bit;
        verdict.true_positive |= bit;
      }
    }
  }
}

void CellMatcher::Match(std::span<const Box> boxes, std::span<const CocoObject> objects,
                        std::span<Verdicts> verdicts) {
  for (size_t d = 0; d < boxes.size(); ++d) {
    for (int a = 0; a < kAreas; ++a) {
      // Unmatched: ignored if its own area is out of range.
      const bool counted = InRange(boxes[d].w * boxes[d].h, a);
      verdicts[d][a] = {0, counted ? kAllThresholds : uint16_t{0}};
    }
  }
  if (objects.empty()) return;
  ComputeIous(boxes, objects);
  if (*std::max_element(best_iou_.begin(), best_iou_.end()) < IouThresholds()[0]) return;
  for (int a = 0; a < kAreas; ++a) MatchArea(a, objects, verdicts);
}

}  // namespace ssd::coco
