// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/philox.h"
#include "testing/head_suite.h"

namespace ssd::testing {

MultiboxResult Solve(const MultiboxCase& c, const MultiboxProblem& problem, bool gradients) {
  HeadValues maps(problem.batch, c.channels);
  for (int64_t i = 0; i < problem.batch * kDefaultBoxes; ++i) {
    for (int64_t k = 0; k < kClasses; ++k)
      maps.Score(i, k) = static_cast<float>(problem.score[i * kClasses + k]);
    for (int64_t t = 0; t < 4; ++t)
      maps.Offset(i, t) = static_cast<float>(problem.offset[i * 4 + t]);
  }
  return c.run(maps, problem, kLossScale, gradients);
}

namespace {

double Normal(Philox& random) {
  return std::sqrt(-2 * std::log(1.0 - random.Uniform())) * std::cos(6.2831853 * random.Uniform());
}

}  // namespace

MultiboxProblem RandomProblem(uint64_t id, int64_t batch, double spread, uint32_t positive_in) {
  Philox random(4, Purpose::kSynthetic, 0, id);
  MultiboxProblem p{batch, kDefaultBoxes, kClasses, {}, {}, {}, {}};
  for (int64_t i = 0; i < batch * kDefaultBoxes; ++i) {
    for (int64_t c = 0; c < kClasses; ++c)
      p.score.push_back(static_cast<float>(Normal(random) * spread + (c == 0 ? 4 : 0)));
    const bool positive = positive_in > 0 && random.Below(positive_in) == 0;
    p.label.push_back(positive ? static_cast<int32_t>(1 + random.Below(80)) : 0);
    for (int t = 0; t < 4; ++t) {
      p.offset.push_back(static_cast<float>(Normal(random)));
      p.target.push_back(positive ? static_cast<float>(Normal(random)) : 0);
    }
  }
  return p;
}

namespace {

constexpr double kLossError = 1e-6;  // relative

// Largest difference of any gradient over the largest gradient.
double GradientError(const HeadValues& got, const MultiboxSolution& want) {
  double worst = 0, largest = 0;
  const auto compare = [&](double value, double wanted) {
    wanted *= kLossScale;
    const double error = std::abs(value - wanted);
    worst = error <= worst ? worst : error;  // NaN counts
    largest = std::max(largest, std::abs(wanted));
  };
  for (int64_t i = 0; i < static_cast<int64_t>(want.dscore.size()) / kClasses; ++i) {
    for (int64_t c = 0; c < kClasses; ++c) compare(got.Score(i, c), want.dscore[i * kClasses + c]);
    for (int64_t t = 0; t < 4; ++t) compare(got.Offset(i, t), want.doffset[i * 4 + t]);
  }
  return worst / largest;
}

void ExpectSolved(const MultiboxCase& c, const MultiboxProblem& problem) {
  const MultiboxSolution want = SolveMultibox(problem);
  const MultiboxResult got = Solve(c, problem);
  EXPECT_NEAR(got.loss / want.loss, 1, kLossError);
  EXPECT_LT(GradientError(got.gradient, want), c.gradient_error);
}

}  // namespace

TEST_P(MultiboxSuite, EqualsTheReference) {
  ExpectSolved(GetParam(), RandomProblem(1, 2, 2.0, 150));
  ExpectSolved(GetParam(), RandomProblem(2, 2, 2.0, 150));
  ExpectSolved(GetParam(), RandomProblem(3, 1, 0.1, 150));
  ExpectSolved(GetParam(), RandomProblem(4, 1, 30.0, 1500));
}

// Every third box positive: 3P exceeds the negatives, so all boxes count, each once.
TEST_P(MultiboxSuite, MorePositivesThanAQuarter) {
  const MultiboxProblem p = RandomProblem(5, 1, 1.0, 3);
  const auto selected = SolveMultibox(p).selected[0];
  ASSERT_EQ(std::count(selected.begin(), selected.end(), true), kDefaultBoxes);
  ExpectSolved(GetParam(), p);
}

TEST_P(MultiboxSuite, ImageWithoutPositivesCountsAsZero) {
  MultiboxProblem p = RandomProblem(6, 2, 1.0, 200);
  std::fill(p.label.begin() + kDefaultBoxes, p.label.end(), 0);
  const MultiboxSolution want = SolveMultibox(p);
  ASSERT_EQ(want.dscore[kDefaultBoxes * kClasses], 0);
  ExpectSolved(GetParam(), p);
}

TEST_P(MultiboxSuite, NoPositivesAtAllGiveZeroLoss) {
  EXPECT_EQ(Solve(GetParam(), RandomProblem(7, 1, 1.0, 0)).loss, 0);
}

TEST_P(MultiboxSuite, FindsTheLossAlone) {
  const MultiboxProblem p = RandomProblem(8, 1, 1.0, 100);
  EXPECT_NEAR(Solve(GetParam(), p, false).loss / SolveMultibox(p).loss, 1, kLossError);
}

TEST_P(MultiboxSuite, PaddingOfTheGradientIsZero) {
  const MultiboxResult got = Solve(GetParam(), RandomProblem(9, 1, 1.0, 100));
  for (size_t k = 0; k < kMaps; ++k) {
    const auto channels = static_cast<size_t>(GetParam().channels(kMapShapes[k]));
    const auto& map = got.gradient.map[k];
    for (size_t cell = 0; cell < map.size(); cell += channels)
      for (auto c = static_cast<size_t>(85 * kMapShapes[k]); c < channels; ++c)
        ASSERT_EQ(map[cell + c], 0) << "map " << k << " at " << cell + c;
  }
}

// All scores equal: every negative ties, and the lowest indices are taken.
TEST_P(MultiboxSuite, TiesGoToTheLowerIndex) {
  MultiboxProblem p = RandomProblem(10, 1, 0.0, 0);
  p.label[5] = 3;
  p.label[8000] = 7;
  const MultiboxSolution want = SolveMultibox(p);
  const MultiboxResult got = Solve(GetParam(), p);
  for (int64_t a = 0; a < kDefaultBoxes; ++a) {
    const bool expected = a < 7 || a == 8000;  // 0..6 without 5 are six negatives
    ASSERT_EQ(want.selected[0][static_cast<size_t>(a)], expected) << a;
    ASSERT_EQ(got.gradient.Score(a, 0) != 0, expected) << a;
  }
}

// V9: the other 8724 default boxes are background beyond doubt.
TEST_P(MultiboxSuite, WorkedExample) {
  const std::vector<double> ce = {2.0, 0.1, 3.0, 0.5, 4.0, 0.2, 1.5, 0.7};
  MultiboxProblem p = RandomProblem(11, 2, 0.0, 0);
  for (int64_t i = 0; i < 2 * kDefaultBoxes; ++i) p.score[i * kClasses] = 60;
  p.label[2] = 7;
  for (int a = 0; a < 8; ++a) {
    double* score = &p.score[a * kClasses];
    for (int c = 0; c < kClasses; ++c) score[c] = std::log(std::expm1(ce[a]) / 80);
    score[p.label[a]] = 0;
  }
  const double differences[4] = {0.5, -1.0, 2.0, 0.0};
  for (int t = 0; t < 4; ++t) p.offset[2 * 4 + t] = differences[t];
  EXPECT_NEAR(Solve(GetParam(), p).loss, 6.3125, 1e-5);
}

TEST_P(MultiboxSuite, NonFiniteScoresReachTheLoss) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  for (const double bad : {kNan, -kNan, std::numeric_limits<double>::infinity()}) {
    MultiboxProblem p = RandomProblem(12, 1, 1.0, 100);
    p.label[77] = 0;
    p.score[77 * kClasses + 80] = bad;
    EXPECT_FALSE(std::isfinite(Solve(GetParam(), p).loss)) << bad;
  }
}

}  // namespace ssd::testing
