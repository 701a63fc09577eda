// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "testing/multibox_reference.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ssd::testing {
namespace {

double LogSumExp(std::span<const double> score) {
  const double m = *std::max_element(score.begin(), score.end());
  double sum = 0;
  for (const double s : score) sum += std::exp(s - m);
  return m + std::log(sum);
}

}  // namespace

double SmoothL1(double difference) {
  const double size = std::abs(difference);
  return size < 1 ? 0.5 * size * size : size - 0.5;
}

std::vector<bool> SelectBoxes(std::span<const double> ce, std::span<const int32_t> label) {
  const size_t boxes = ce.size();
  std::vector<double> hardness(boxes);
  size_t positives = 0;
  for (size_t a = 0; a < boxes; ++a) {
    hardness[a] = label[a] > 0 ? 0 : ce[a];
    positives += label[a] > 0;
  }
  std::vector<size_t> order(boxes);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t p, size_t q) { return hardness[p] > hardness[q]; });
  std::vector<bool> selected(boxes, false);
  for (size_t rank = 0; rank < std::min(3 * positives, boxes); ++rank) selected[order[rank]] = true;
  for (size_t a = 0; a < boxes; ++a) {
    if (label[a] > 0) selected[a] = true;
  }
  return selected;
}

MultiboxSolution SolveMultibox(const MultiboxProblem& problem) {
  const auto [batch, boxes, classes, score, offset, label, target] = problem;
  MultiboxSolution solution;
  solution.loss = 0;
  solution.dscore.assign(score.size(), 0);
  solution.doffset.assign(offset.size(), 0);
  for (int64_t image = 0; image < batch; ++image) {
    const std::span labels(&label[image * boxes], boxes);
    std::vector<double> ce(boxes);
    for (int64_t a = 0; a < boxes; ++a) {
      const std::span scores(&score[(image * boxes + a) * classes], classes);
      ce[a] = LogSumExp(scores) - scores[labels[a]];
    }
    solution.selected.push_back(SelectBoxes(ce, labels));
    const auto& selected = solution.selected.back();
    const auto positives = std::count_if(labels.begin(), labels.end(), [](int l) { return l > 0; });
    if (positives == 0) continue;
    const double weight = 1.0 / static_cast<double>(positives) / static_cast<double>(batch);
    for (int64_t a = 0; a < boxes; ++a) {
      const int64_t i = image * boxes + a;
      if (selected[a]) {
        solution.loss += weight * ce[a];
        const std::span scores(&score[i * classes], classes);
        const double lse = LogSumExp(scores);
        for (int64_t c = 0; c < classes; ++c) {
          const double onehot = c == labels[a] ? 1 : 0;
          solution.dscore[i * classes + c] = weight * (std::exp(scores[c] - lse) - onehot);
        }
      }
      if (labels[a] == 0) continue;
      for (int64_t t = 0; t < 4; ++t) {
        const double d = offset[i * 4 + t] - target[i * 4 + t];
        solution.loss += weight * SmoothL1(d);
        solution.doffset[i * 4 + t] = weight * std::clamp(d, -1.0, 1.0);
      }
    }
  }
  return solution;
}

}  // namespace ssd::testing
