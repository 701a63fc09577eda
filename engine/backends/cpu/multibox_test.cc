// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/multibox.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "backends/cpu/head_layout.h"
#include "core/bfloat16.h"
#include "core/error.h"
#include "core/philox.h"
#include "testing/multibox_reference.h"

namespace ssd {
namespace {

using testing::MultiboxProblem;
using testing::MultiboxSolution;
using testing::SolveMultibox;

int64_t Cells(int64_t k) { return kMapSize[k] * kMapSize[k]; }

// A problem laid out as the CPU's head maps, its op and the outputs. Padding is NaN on the way in.
class Harness {
 public:
  Harness(const MultiboxProblem& problem, float loss_scale, Precision precision)
      : batch_(problem.batch), precision_(precision), label_(problem.label) {
    for (const double t : problem.target) target_.push_back(static_cast<float>(t));
    MultiboxArgs args{};
    for (int64_t k = 0; k < kMaps; ++k) {
      map_[k].assign(batch_ * Cells(k) * CpuHeadChannels(kMapShapes[k]), NAN);
      gradient_[k].assign(map_[k].size() * SizeOf(ActivationType(precision)), std::byte{0xee});
      args.map[k] = map_[k].data();
      args.gradient[k] = gradient_[k].data();
    }
    for (int64_t i = 0; i < batch_ * kDefaultBoxes; ++i) {
      for (int64_t c = 0; c < kClasses; ++c) {
        Score(i, c) = static_cast<float>(problem.score[i * kClasses + c]);
      }
      for (int64_t t = 0; t < 4; ++t) {
        Offset(i, t) = static_cast<float>(problem.offset[i * 4 + t]);
      }
    }
    op_ = MakeCpuMultibox({batch_, loss_scale}, precision);
    scratch_.resize(op_->scratch() / sizeof(uint64_t) + 1);
    args.label = label_.data();
    args.offset = target_.data();
    args.loss = &loss_;
    args.scratch = scratch_.data();
    args_ = args;
    op_->Bind(args_);
  }

  void Run() { op_->Run(); }
  void RunLossOnly() {
    MultiboxArgs args = args_;
    args.gradient = {};
    op_->Bind(args);
    op_->Run();
  }

  float loss() const { return loss_; }
  const auto& gradient() const { return gradient_; }
  float& Score(int64_t i, int64_t c) { return map_[Map(i)][ScoreAt(i, c)]; }
  float& Offset(int64_t i, int64_t t) { return map_[Map(i)][OffsetAt(i, t)]; }
  double ScoreGradient(int64_t i, int64_t c) const { return Gradient(Map(i), ScoreAt(i, c)); }
  double OffsetGradient(int64_t i, int64_t t) const { return Gradient(Map(i), OffsetAt(i, t)); }
  double Gradient(int64_t k, int64_t at) const {
    const std::byte* p = gradient_[k].data() + at * SizeOf(ActivationType(precision_));
    if (precision_ == Precision::kF32) {
      float v;
      std::memcpy(&v, p, sizeof v);
      return v;
    }
    bfloat16 v;
    std::memcpy(&v, p, sizeof v);
    return v.ToFloat();
  }

 private:
  static int64_t Map(int64_t i) {
    int64_t k = kMaps - 1;
    while (i % kDefaultBoxes < kMapFirst[k]) --k;
    return k;
  }
  static int64_t CellStart(int64_t i) {
    const int64_t k = Map(i), local = i % kDefaultBoxes - kMapFirst[k];
    return (i / kDefaultBoxes * Cells(k) + local / kMapShapes[k]) * CpuHeadChannels(kMapShapes[k]);
  }
  static int64_t Shape(int64_t i) {
    return (i % kDefaultBoxes - kMapFirst[Map(i)]) % kMapShapes[Map(i)];
  }
  static int64_t ScoreAt(int64_t i, int64_t c) { return CellStart(i) + Shape(i) * 81 + c; }
  static int64_t OffsetAt(int64_t i, int64_t t) {
    return CellStart(i) + 81 * kMapShapes[Map(i)] + Shape(i) * 4 + t;
  }

  int64_t batch_;
  Precision precision_;
  std::vector<int32_t> label_;
  std::vector<float> target_;
  std::vector<float> map_[kMaps];
  std::vector<std::byte> gradient_[kMaps];
  std::vector<uint64_t> scratch_;
  std::unique_ptr<MultiboxOp> op_;
  MultiboxArgs args_;
  float loss_ = NAN;
};

double Normal(Philox& random) {
  return std::sqrt(-2 * std::log(1.0 - random.Uniform())) * std::cos(6.2831853 * random.Uniform());
}

MultiboxProblem RandomProblem(uint64_t seed, int64_t batch, double spread, uint32_t positive_in) {
  Philox random(seed, Purpose::kSynthetic, 0, 1);
  MultiboxProblem p{batch, kDefaultBoxes, kClasses, {}, {}, {}, {}};
  const int64_t boxes = batch * kDefaultBoxes;
  for (int64_t i = 0; i < boxes * kClasses; ++i) {
    p.score.push_back(static_cast<float>(Normal(random) * spread + (i % kClasses == 0 ? 4 : 0)));
  }
  for (int64_t i = 0; i < boxes; ++i) {
    const bool positive = positive_in > 0 && random.Below(positive_in) == 0;
    p.label.push_back(positive ? static_cast<int32_t>(1 + random.Below(80)) : 0);
    for (int t = 0; t < 4; ++t) {
      p.offset.push_back(static_cast<float>(Normal(random)));
      p.target.push_back(positive ? static_cast<float>(Normal(random)) : 0);
    }
  }
  return p;
}

// Largest difference of any gradient over the largest gradient.
double GradientError(const Harness& h, const MultiboxProblem& p, const MultiboxSolution& want,
                     double loss_scale) {
  double worst = 0, largest = 0;
  for (int64_t i = 0; i < p.batch * kDefaultBoxes; ++i) {
    for (int64_t c = 0; c < kClasses; ++c) {
      const double w = want.dscore[i * kClasses + c] * loss_scale;
      worst = std::max(worst, std::abs(h.ScoreGradient(i, c) - w));
      largest = std::max(largest, std::abs(w));
    }
    for (int64_t t = 0; t < 4; ++t) {
      const double w = want.doffset[i * 4 + t] * loss_scale;
      worst = std::max(worst, std::abs(h.OffsetGradient(i, t) - w));
      largest = std::max(largest, std::abs(w));
    }
  }
  return worst / largest;
}

class MultiboxPrecision : public ::testing::TestWithParam<std::tuple<Precision, double>> {};

TEST_P(MultiboxPrecision, EqualsTheReference) {
  const auto [precision, tolerance] = GetParam();
  for (const double spread : {0.1, 2.0, 30.0}) {
    const MultiboxProblem p = RandomProblem(11, 2, spread, 150);
    const MultiboxSolution want = SolveMultibox(p);
    Harness h(p, 128, precision);
    h.Run();
    EXPECT_NEAR(h.loss() / want.loss, 1, 1e-6) << "spread " << spread;
    EXPECT_LT(GradientError(h, p, want, 128), tolerance) << "spread " << spread;
  }
}

TEST_P(MultiboxPrecision, PaddingOfTheGradientIsZero) {
  const auto [precision, tolerance] = GetParam();
  Harness h(RandomProblem(12, 1, 1.0, 100), 128, precision);
  h.Run();
  for (int64_t k = 0; k < kMaps; ++k) {
    const int64_t channels = CpuHeadChannels(kMapShapes[k]);
    for (int64_t cell = 0; cell < Cells(k); ++cell) {
      for (int64_t c = 85 * kMapShapes[k]; c < channels; ++c) {
        ASSERT_EQ(h.Gradient(k, cell * channels + c), 0) << "map " << k << " cell " << cell;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cpu, MultiboxPrecision,
                         ::testing::Values(std::tuple{Precision::kF32, 1e-6},
                                           std::tuple{Precision::kBF16, 4e-3}));

// Every third box positive: 3P exceeds the negatives, so all boxes count, each once.
TEST(Multibox, MorePositivesThanAQuarter) {
  const MultiboxProblem p = RandomProblem(13, 1, 1.0, 3);
  const MultiboxSolution want = SolveMultibox(p);
  ASSERT_EQ(std::count(want.selected[0].begin(), want.selected[0].end(), true), kDefaultBoxes);
  Harness h(p, 1, Precision::kF32);
  h.Run();
  EXPECT_NEAR(h.loss() / want.loss, 1, 1e-6);
  EXPECT_LT(GradientError(h, p, want, 1), 1e-6);
}

// All scores equal: every negative ties, and the lowest indices are taken.
TEST(Multibox, TiesGoToTheLowerIndex) {
  MultiboxProblem p = RandomProblem(14, 1, 0.0, 0);
  p.label[5] = 3;
  p.label[8000] = 7;
  Harness h(p, 1, Precision::kF32);
  h.Run();
  const MultiboxSolution want = SolveMultibox(p);
  for (int64_t a = 0; a < kDefaultBoxes; ++a) {
    const bool expected = a < 7 || a == 8000;  // 0..6 without 5 are six negatives
    ASSERT_EQ(want.selected[0][a], expected) << a;
    ASSERT_EQ(h.ScoreGradient(a, 0) != 0, expected) << a;
  }
}

TEST(Multibox, ImageWithoutPositivesCountsAsZero) {
  MultiboxProblem p = RandomProblem(15, 2, 1.0, 200);
  std::fill(p.label.begin() + kDefaultBoxes, p.label.end(), 0);
  const MultiboxSolution want = SolveMultibox(p);
  Harness h(p, 1, Precision::kF32);
  h.Run();
  EXPECT_NEAR(h.loss() / want.loss, 1, 1e-6);
  for (int64_t i = kDefaultBoxes; i < 2 * kDefaultBoxes; ++i) ASSERT_EQ(h.ScoreGradient(i, 0), 0);
}

TEST(Multibox, NoPositivesAtAllGiveZeroLoss) {
  Harness h(RandomProblem(16, 1, 1.0, 0), 1, Precision::kF32);
  h.Run();
  EXPECT_EQ(h.loss(), 0);
}

TEST(Multibox, LossOnlyLeavesGradientsAlone) {
  const MultiboxProblem p = RandomProblem(17, 1, 1.0, 100);
  Harness h(p, 1, Precision::kF32);
  h.RunLossOnly();
  EXPECT_NEAR(h.loss() / SolveMultibox(p).loss, 1, 1e-6);
  EXPECT_EQ(h.gradient()[0][0], std::byte{0xee});
}

TEST(Multibox, ResultDoesNotDependOnThreads) {
  const MultiboxProblem p = RandomProblem(18, 3, 2.0, 150);
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  Harness one(p, 128, Precision::kBF16);
  one.Run();
  for (const int threads : {2, 5}) {
    omp_set_num_threads(threads);
    Harness many(p, 128, Precision::kBF16);
    many.Run();
    EXPECT_EQ(many.loss(), one.loss());
    for (int64_t k = 0; k < kMaps; ++k) EXPECT_EQ(many.gradient()[k], one.gradient()[k]) << k;
  }
  omp_set_num_threads(before);
}

TEST(Multibox, NonFiniteScoresReachTheLoss) {
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::quiet_NaN(),
        std::numeric_limits<double>::infinity()}) {
    MultiboxProblem p = RandomProblem(19, 1, 1.0, 100);
    p.label[77] = 0;
    p.score[77 * kClasses + 80] = bad;
    Harness h(p, 1, Precision::kF32);
    h.Run();
    EXPECT_FALSE(std::isfinite(h.loss())) << bad;
  }
}

TEST(Multibox, RefusesLabelsOutOfRange) {
  for (const int32_t bad : {81, -1}) {
    MultiboxProblem p = RandomProblem(20, 1, 1.0, 100);
    p.label[4000] = bad;
    Harness h(p, 1, Precision::kF32);
    try {
      h.Run();
      FAIL() << "label " << bad << " was accepted";
    } catch (const Error& e) {
      EXPECT_EQ(e.status(), Status::kInvalid);
    }
  }
}

// The reference itself. V9, first image.
TEST(MultiboxReference, SelectsTheHardestNegatives) {
  const std::vector<double> ce = {2.0, 0.1, 3.0, 0.5, 4.0, 0.2, 1.5, 0.7};
  const std::vector<int32_t> label = {0, 0, 7, 0, 0, 0, 0, 0};
  EXPECT_EQ(testing::SelectBoxes(ce, label), (std::vector<bool>{1, 0, 1, 0, 1, 0, 1, 0}));
  EXPECT_EQ(testing::SelectBoxes(ce, std::vector<int32_t>{0, 0, 7, 0, 5, 0, 9, 0}),
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
  EXPECT_DOUBLE_EQ(testing::SmoothL1(0.5) + testing::SmoothL1(-1) + testing::SmoothL1(2), 2.125);
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

// The op on V9: the other 8724 default boxes are background beyond doubt.
TEST(Multibox, WorkedExample) {
  const std::vector<double> ce = {2.0, 0.1, 3.0, 0.5, 4.0, 0.2, 1.5, 0.7};
  MultiboxProblem p = RandomProblem(21, 2, 0.0, 0);
  for (int64_t i = 0; i < 2 * kDefaultBoxes; ++i) p.score[i * kClasses] = 60;
  p.label[2] = 7;
  for (int a = 0; a < 8; ++a) {
    double* score = &p.score[a * kClasses];
    for (int c = 0; c < kClasses; ++c) score[c] = std::log(std::expm1(ce[a]) / 80);
    score[p.label[a]] = 0;
  }
  const double differences[4] = {0.5, -1.0, 2.0, 0.0};
  for (int t = 0; t < 4; ++t) p.offset[2 * 4 + t] = differences[t];
  Harness h(p, 1, Precision::kF32);
  h.Run();
  EXPECT_NEAR(h.loss(), 6.3125, 1e-5);
}

}  // namespace
}  // namespace ssd
