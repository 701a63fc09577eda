// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "eval/coco_plain.h"

#include <algorithm>
#include <map>

namespace ssd {
namespace {

constexpr double kLow[4] = {0, 0, 1024, 9216}, kHigh[4] = {1e10, 1024, 9216, 1e10};

struct Judgement {
  double score;
  bool matched, ignored;
};
struct ImageResult {
  std::vector<Judgement> detections;  // by falling score, at most 100
  int64_t objects;                    // not ignored
};

double Iou(const CocoDetection& d, const CocoObject& g) {
  const double w = std::min(d.x + d.w, g.x + g.w) - std::max(d.x, g.x);
  const double h = std::min(d.y + d.h, g.y + g.h) - std::max(d.y, g.y);
  if (w <= 0 || h <= 0) return 0;
  const double inter = w * h;
  return inter / (g.crowd ? d.w * d.h : d.w * d.h + g.w * g.h - inter);
}

ImageResult JudgeImage(std::vector<CocoDetection> dets, const std::vector<CocoObject>& objects,
                       double threshold, int area) {
  const auto out_of_range = [&](double v) { return v < kLow[area] || v > kHigh[area]; };
  std::stable_sort(dets.begin(), dets.end(),
                   [](const auto& p, const auto& q) { return p.score > q.score; });
  if (dets.size() > 100) dets.resize(100);
  std::vector<std::pair<CocoObject, bool>> gts;  // with its ignore flag
  gts.reserve(objects.size());
  for (const auto& g : objects) gts.emplace_back(g, g.crowd || out_of_range(g.area));
  std::stable_sort(gts.begin(), gts.end(),
                   [](const auto& p, const auto& q) { return p.second < q.second; });
  std::vector<bool> taken(gts.size(), false);
  ImageResult result;
  result.objects = std::count_if(gts.begin(), gts.end(), [](const auto& g) { return !g.second; });
  for (const auto& d : dets) {
    double best = std::min(threshold, 1 - 1e-10);
    int match = -1;
    for (size_t g = 0; g < gts.size(); ++g) {
      if (taken[g] && !gts[g].first.crowd) continue;
      if (match >= 0 && !gts[match].second && gts[g].second) break;
      const double iou = Iou(d, gts[g].first);
      if (iou < best) continue;
      best = iou;
      match = static_cast<int>(g);
    }
    if (match >= 0) taken[match] = true;
    const bool matched = match >= 0 && gts[match].first.id != 0;
    bool ignored = match >= 0 && gts[match].second;
    if (!matched && out_of_range(d.w * d.h)) ignored = true;
    result.detections.push_back({d.score, matched, ignored});
  }
  return result;
}

struct Curve {
  std::vector<double> precision;  // 101, or empty if there is no object
  double recall = -1;
};

Curve MakeCurve(const std::vector<ImageResult>& images, size_t limit) {
  std::vector<Judgement> all;
  int64_t objects = 0;
  for (const auto& image : images) {
    objects += image.objects;
    const size_t n = std::min(limit, image.detections.size());
    all.insert(all.end(), image.detections.begin(), image.detections.begin() + n);
  }
  if (objects == 0) return {};
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& p, const auto& q) { return p.score > q.score; });
  std::vector<double> recall, precision;
  double tp = 0, fp = 0;
  for (const auto& d : all) {
    if (!d.ignored) (d.matched ? tp : fp) += 1;
    recall.push_back(tp / static_cast<double>(objects));
    precision.push_back(tp / (fp + tp + 0x1p-52));
  }
  for (size_t i = precision.size(); i-- > 1;) {
    precision[i - 1] = std::max(precision[i - 1], precision[i]);
  }
  Curve curve;
  curve.recall = recall.empty() ? 0 : recall.back();
  for (int r = 0; r <= 100; ++r) {
    const auto it = std::lower_bound(recall.begin(), recall.end(), r == 100 ? 1 : r * 0.01);
    curve.precision.push_back(it == recall.end() ? 0 : precision[it - recall.begin()]);
  }
  return curve;
}

// A mean over what is defined.
class Average {
 public:
  void Add(const std::vector<double>& values) {
    for (const double v : values) Add(v);
  }
  void Add(double v) {
    if (v < 0) return;
    sum_ += v;
    ++count_;
  }
  double value() const { return count_ == 0 ? -1 : sum_ / count_; }

 private:
  double sum_ = 0;
  int count_ = 0;
};

}  // namespace

PlainScore ScorePlainly(const CocoTruth& truth, std::span<const CocoDetection> detections) {
  std::map<std::pair<int64_t, int64_t>, std::vector<CocoDetection>> dets;
  std::map<std::pair<int64_t, int64_t>, std::vector<CocoObject>> objects;
  for (const auto& d : detections) dets[{d.category_id, d.image_id}].push_back(d);
  for (const auto& g : truth.objects) objects[{g.category_id, g.image_id}].push_back(g);
  PlainScore score;
  Average average[12];
  score.category_ap.reserve(truth.categories.size());
  for (const auto& category : truth.categories) {
    auto& category_ap = score.category_ap.emplace_back();
    for (int t = 0; t < 10; ++t) {
      const double threshold = t == 9 ? 0.95 : 0.5 + t * (0.95 - 0.5) / 9;
      for (int area = 0; area < 4; ++area) {
        std::vector<ImageResult> images;
        for (const int64_t image : truth.image_ids) {
          const std::pair key(category.id, image);
          images.push_back(JudgeImage(dets[key], objects[key], threshold, area));
        }
        const Curve curve = MakeCurve(images, 100);
        average[area == 0 ? 0 : 2 + area].Add(curve.precision);
        average[8 + area].Add(curve.recall);
        if (area > 0) continue;
        if (t == 0) average[1].Add(curve.precision);
        if (t == 5) average[2].Add(curve.precision);
        average[6].Add(MakeCurve(images, 1).recall);
        average[7].Add(MakeCurve(images, 10).recall);
        Average ap;
        ap.Add(curve.precision);
        category_ap[t] = ap.value();
      }
    }
  }
  for (int i = 0; i < 12; ++i) score.stats[i] = average[i].value();
  return score;
}

}  // namespace ssd
