// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "testing/detect_reference.h"

#include <algorithm>
#include <cmath>

#include "loss/default_boxes.h"

namespace ssd::testing {
namespace {

struct Candidate {
  double score;
  int32_t label;
  CornerBox box;
};

double Iou(const CornerBox& p, const CornerBox& q) {
  const double w = std::min(p[2], q[2]) - static_cast<double>(std::max(p[0], q[0]));
  const double h = std::min(p[3], q[3]) - static_cast<double>(std::max(p[1], q[1]));
  const double inter = std::max(w, 0.0) * std::max(h, 0.0);
  const auto area = [](const CornerBox& b) {
    return (static_cast<double>(b[2]) - b[0]) * (static_cast<double>(b[3]) - b[1]);
  };
  return inter / (area(p) + area(q) - inter);
}

void NoteDistance(double a, double b, bool* clear) {
  *clear = *clear && (a == b || std::abs(a - b) > 2e-6 * b);
}

// Sorted by falling score; equal ones keep the order class, default box.
std::vector<Candidate> Candidates(const Prediction& p, int64_t image, float threshold,
                                  bool* clear) {
  const int64_t first = image * kDefaultBoxes;
  std::vector<double> sums(kDefaultBoxes, 0);
  for (int64_t a = 0; a < kDefaultBoxes; ++a) {
    const float* score = p.Score(first + a);
    for (int64_t c = 0; c < kClasses; ++c) sums[a] += std::exp(static_cast<double>(score[c]));
  }
  std::vector<Candidate> candidates;
  for (int32_t label = 0; label < kClasses - 1; ++label) {
    for (int64_t a = 0; a < kDefaultBoxes; ++a) {
      const double s = std::exp(static_cast<double>(p.Score(first + a)[label + 1])) / sums[a];
      NoteDistance(s, threshold, clear);
      if (!(s > threshold)) continue;
      candidates.push_back({s, label, DecodeBox(DefaultBoxes()[a], p.Offset(first + a))});
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& x, const Candidate& y) { return x.score > y.score; });
  return candidates;
}

}  // namespace

std::array<float, 4> DecodeBox(const std::array<float, 4>& default_box, const float offset[4]) {
  const auto [ax, ay, aw, ah] = default_box;
  const float cx = ax + 0.1f * offset[0] * aw;
  const float cy = ay + 0.1f * offset[1] * ah;
  const float w = aw * std::exp(0.2f * offset[2]);
  const float h = ah * std::exp(0.2f * offset[3]);
  return {cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2};
}

Prediction::Prediction(int64_t n)
    : batch(n), score(n * kDefaultBoxes * kClasses, 0.0f), offset(n * kDefaultBoxes * 4, 0.0f) {
  for (int64_t i = 0; i < n * kDefaultBoxes; ++i) score[i * kClasses] = 30;
}

void Prediction::Put(int64_t a, int32_t label, double value, const std::array<float, 4>& b) {
  for (int64_t c = 0; c < kClasses; ++c) Score(a)[c] = -60;
  Score(a)[0] = static_cast<float>(std::log(1 - value));
  Score(a)[label + 1] = static_cast<float>(std::log(value));
  const auto [ax, ay, aw, ah] = DefaultBoxes()[a];
  offset[a * 4] = ((b[0] + b[2]) / 2 - ax) / aw / 0.1f;
  offset[a * 4 + 1] = ((b[1] + b[3]) / 2 - ay) / ah / 0.1f;
  offset[a * 4 + 2] = std::log((b[2] - b[0]) / aw) / 0.2f;
  offset[a * 4 + 3] = std::log((b[3] - b[1]) / ah) / 0.2f;
}

std::span<const std::array<float, 4>> DetectDefaultBoxes() { return DefaultBoxes(); }

std::vector<Detection> DetectPlainly(const Prediction& prediction, int64_t image,
                                     const DetectDesc& desc, bool* clear) {
  auto candidates = Candidates(prediction, image, desc.score_threshold, clear);
  const size_t limit = std::min<size_t>(candidates.size(), desc.candidates);
  for (size_t i = 1; i < std::min(limit + 1, candidates.size()); ++i) {
    NoteDistance(candidates[i - 1].score, candidates[i].score, clear);
  }
  candidates.resize(limit);
  std::vector<Candidate> kept;
  for (const Candidate& candidate : candidates) {
    const bool removed = std::any_of(kept.begin(), kept.end(), [&](const Candidate& k) {
      if (k.label != candidate.label) return false;
      const double iou = Iou(k.box, candidate.box);
      NoteDistance(iou, desc.nms_threshold, clear);
      return iou > desc.nms_threshold;
    });
    if (!removed) kept.push_back(candidate);
  }
  std::vector<Detection> detections;
  detections.reserve(kept.size());
  for (const auto& [score, label, b] : kept) {
    detections.push_back({b[0], b[1], b[2], b[3], static_cast<float>(score), label});
  }
  return detections;
}

}  // namespace ssd::testing
