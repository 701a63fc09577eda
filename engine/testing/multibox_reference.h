// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ssd::testing {

// The loss of spec section 5 in double and in plain loops: the oracle of every MultiboxOp.
// boxes default boxes an image, classes scores each; 0 is background.
struct MultiboxProblem {
  int64_t batch, boxes, classes;
  std::vector<double> score;   // [batch, boxes, classes]
  std::vector<double> offset;  // [batch, boxes, 4], predicted
  std::vector<int32_t> label;  // [batch, boxes]
  std::vector<double> target;  // [batch, boxes, 4]
};
struct MultiboxSolution {
  double loss;                              // mean over the batch
  std::vector<double> dscore;               // of loss, as score
  std::vector<double> doffset;              // of loss, as offset
  std::vector<std::vector<bool>> selected;  // [batch][boxes]: counts in the class loss
};
MultiboxSolution SolveMultibox(const MultiboxProblem& problem);

// The boxes that count in the class loss of one image: positives and the hardest negatives.
std::vector<bool> SelectBoxes(std::span<const double> ce, std::span<const int32_t> label);

double SmoothL1(double difference);

}  // namespace ssd::testing
