// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "eval/coco_curve.h"

#include <algorithm>

namespace ssd::coco {
namespace {

const std::array<double, kRecallPoints>& RecallPoints() {
  static const auto points = [] {
    std::array<double, kRecallPoints> r;
    const double step = 1.0 / (kRecallPoints - 1);
    for (int i = 0; i < kRecallPoints; ++i) r[i] = i * step;
    r.back() = 1;
    return r;
  }();
  return points;
}

// For each threshold: at the k-th true positive, how many detections count up to there.
using Hits = std::array<std::vector<int64_t>, kThresholds>;

Hits CollectHits(std::span<const Judged* const> detections, int area) {
  Hits hits;
  int64_t everywhere = 0;  // false positives of every threshold
  std::array<int64_t, kThresholds> counted{};
  for (const Judged* d : detections) {
    const Verdict v = d->verdicts[area];
    if (v.counted == 0) continue;
    if (v.counted == kAllThresholds && v.true_positive == 0) {
      ++everywhere;
      continue;
    }
    for (int t = 0; t < kThresholds; ++t) {
      if (((v.counted >> t) & 1) == 0) continue;
      ++counted[t];
      if ((v.true_positive >> t) & 1) hits[t].push_back(everywhere + counted[t]);
    }
  }
  return hits;
}

// Precision only falls between true positives and recall only rises at them, so the curve is known
// from them alone.
void FillPrecision(const std::vector<int64_t>& hits, int64_t objects, std::vector<double>& envelope,
                   double precision[kRecallPoints]) {
  const auto n = static_cast<int64_t>(hits.size());
  envelope.resize(n);
  double highest = 0;
  for (int64_t k = n; k >= 1; --k) {
    const double value = static_cast<double>(k) / (static_cast<double>(hits[k - 1]) + 0x1p-52);
    highest = std::max(highest, value);
    envelope[k - 1] = highest;
  }
  int64_t k = 1;
  for (int r = 0; r < kRecallPoints; ++r) {
    while (k <= n && static_cast<double>(k) / static_cast<double>(objects) < RecallPoints()[r]) ++k;
    precision[r] = k <= n ? envelope[k - 1] : 0;
  }
}

double PairwiseSum(std::span<const double> v) {
  const size_t n = v.size();
  if (n < 8) {
    double sum = 0;
    for (const double x : v) sum += x;
    return sum;
  }
  if (n <= 128) {
    double r[8];
    std::copy_n(v.begin(), 8, r);
    size_t i = 8;
    for (; i < n - n % 8; i += 8) {
      for (size_t j = 0; j < 8; ++j) r[j] += v[i + j];
    }
    double sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    for (; i < n; ++i) sum += v[i];
    return sum;
  }
  const size_t half = n / 2 - n / 2 % 8;
  return PairwiseSum(v.first(half)) + PairwiseSum(v.subspan(half));
}

}  // namespace

Curves MakeCurves(std::span<const Judged* const> detections,
                  const std::array<int64_t, kAreas>& objects) {
  Curves curves;
  curves.objects = objects;
  curves.precision.assign(kAreas * kThresholds * kRecallPoints, -1);
  for (auto& recall : curves.recall) recall.fill(-1);
  std::vector<double> envelope;
  for (int a = 0; a < kAreas; ++a) {
    if (objects[a] == 0) continue;
    const Hits hits = CollectHits(detections, a);
    for (int t = 0; t < kThresholds; ++t) {
      FillPrecision(hits[t], objects[a], envelope,
                    &curves.precision[(a * kThresholds + t) * kRecallPoints]);
      curves.recall[a + 2][t] =
          static_cast<double>(hits[t].size()) / static_cast<double>(objects[a]);
    }
  }
  if (objects[0] == 0) return curves;
  std::array<std::array<int64_t, kThresholds>, 2> first{};  // true positives ranked below 1 and 10
  for (const Judged* d : detections) {
    for (int t = 0; t < kThresholds; ++t) {
      const int64_t hit = (d->verdicts[0].true_positive >> t) & 1;
      if (d->rank < 1) first[0][t] += hit;
      if (d->rank < 10) first[1][t] += hit;
    }
  }
  for (int m = 0; m < 2; ++m) {
    for (int t = 0; t < kThresholds; ++t) {
      curves.recall[m][t] = static_cast<double>(first[m][t]) / static_cast<double>(objects[0]);
    }
  }
  return curves;
}

double Mean(std::span<const double> values) {
  if (values.empty()) return -1;
  return PairwiseSum(values) / static_cast<double>(values.size());
}

}  // namespace ssd::coco
