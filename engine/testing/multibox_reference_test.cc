// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "testing/multibox_reference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

namespace ssd::testing {
namespace {

// V9, first image.
TEST(MultiboxReference, SelectsTheHardestNegatives) {
  const std::vector<double> ce = {2.0, 0.1, 3.0, 0.5, 4.0, 0.2, 1.5, 0.7};
  const std::vector<int32_t> label = {0, 0, 7, 0, 0, 0, 0, 0};
  EXPECT_EQ(SelectBoxes(ce, label), (std::vector<bool>{1, 0, 1, 0, 1, 0, 1, 0}));
  EXPECT_EQ(SelectBoxes(ce, std::vector<int32_t>{0, 0, 7, 0, 5, 0, 9, 0}),
            std::vector<bool>(8, true));
}

// Scores of three classes whose cross-entropy for class label is ce.
void SetScores(double ce, int32_t label, double* score) {
  for (int c = 0; c < 3; ++c) score[c] = c == label ? 0 : std::log(std::expm1(ce) / 2);
}

MultiboxProblem VectorNine() {
  const std::vector<double> ce = {2.0, 0.1, 3.0, 0.5, 4.0, 0.2, 1.5, 0.7};
  MultiboxProblem p{2,
                    8,
                    3,
                    std::vector<double>(48),
                    std::vector<double>(64),
                    std::vector<int32_t>(16),
                    std::vector<double>(64)};
  p.label[2] = 2;
  for (int a = 0; a < 16; ++a) SetScores(ce[a % 8], p.label[a], &p.score[a * 3]);
  const double differences[4] = {0.5, -1.0, 2.0, 0.0};
  for (int t = 0; t < 4; ++t) {
    p.target[2 * 4 + t] = 0.25 * t;
    p.offset[2 * 4 + t] = 0.25 * t + differences[t];
  }
  return p;
}

// V9: one image with a positive and one without.
TEST(MultiboxReference, LossOfTheWorkedExample) {
  EXPECT_NEAR(SolveMultibox(VectorNine()).loss, 6.3125, 1e-12);
  EXPECT_DOUBLE_EQ(SmoothL1(0.5) + SmoothL1(-1) + SmoothL1(2), 2.125);
}

// V9, second labels: 3P exceeds the negatives, the class loss is the sum of all.
TEST(MultiboxReference, EveryBoxCountsOnce) {
  MultiboxProblem p = VectorNine();
  p.batch = 1;
  for (auto* v : {&p.score, &p.offset, &p.target}) v->resize(v->size() / 2);
  p.label = {0, 0, 1, 0, 2, 0, 1, 0};
  const std::vector<double> ce = {2.0, 0.1, 3.0, 0.5, 4.0, 0.2, 1.5, 0.7};
  for (int a = 0; a < 8; ++a) SetScores(ce[a], p.label[a], &p.score[a * 3]);
  p.target = p.offset;
  EXPECT_NEAR(SolveMultibox(p).loss, 12.0 / 3, 1e-12);
}

TEST(MultiboxReference, GradientIsTheSlope) {
  MultiboxProblem p = VectorNine();
  const MultiboxSolution at = SolveMultibox(p);
  const double step = 1e-6;
  for (auto [values, gradient] : {std::pair{&p.score, &at.dscore}, {&p.offset, &at.doffset}}) {
    for (size_t i = 0; i < values->size(); ++i) {
      if (values == &p.offset && i == 2 * 4 + 1) continue;  // |d| = 1: the kink
      const double keep = (*values)[i];
      (*values)[i] = keep + step;
      const double above = SolveMultibox(p).loss;
      (*values)[i] = keep - step;
      const double below = SolveMultibox(p).loss;
      (*values)[i] = keep;
      ASSERT_NEAR((above - below) / (2 * step), (*gradient)[i], 1e-8) << "value " << i;
    }
  }
}

}  // namespace
}  // namespace ssd::testing
