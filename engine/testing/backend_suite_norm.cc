// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include "testing/backend_suite.h"

namespace ssd::testing {
namespace {

constexpr float kEps = 1e-5f, kMomentum = 0.9f;

struct Problem {
  Tensor x, shortcut;
  std::vector<double> gamma, beta;
  Statistics running;
  bool relu, residual;
  BatchNormDesc desc;
  OpArgs args;

  Tensor Output(const Statistics& s) const {
    Tensor y = Normalise(x, s, gamma, beta, double{kEps});
    if (residual) y = y + shortcut;
    return relu ? Relu(y) : y;
  }
};

Problem Prepare(BackendSuite& suite, const Tensor& x, bool relu, bool residual, bool training) {
  Problem p{.x = x,
            .shortcut = suite.RandomLike(x),
            .gamma = suite.RandomVector(x.c),
            .beta = suite.RandomVector(x.c),
            .running = {suite.RandomVector(x.c), suite.RandomVector(x.c)},
            .relu = relu,
            .residual = residual,
            .desc = {suite.DescOf(x), kEps, kMomentum, relu, residual, training},
            .args = {}};
  for (double& v : p.running.variance) v = std::abs(v) + 0.25;
  p.args.x = suite.Put(x);
  if (residual) p.args.residual = suite.Put(p.shortcut);
  p.args.y = suite.Blank(p.desc.x);
  p.args.gamma = suite.PutParameter(p.gamma);
  p.args.beta = suite.PutParameter(p.beta);
  p.args.running_mean = suite.PutParameter(p.running.mean);
  p.args.running_var = suite.PutParameter(p.running.variance);
  return p;
}

// Adds what Backward needs; returns the sum of dy's terms.
Tensor PrepareBackward(BackendSuite& suite, Problem& p, int terms) {
  Tensor sum(p.x.n, p.x.c, p.x.h, p.x.w);
  for (int t = 0; t < terms; ++t) {
    const Tensor dy = suite.RandomLike(sum);
    p.args.dy.push_back(suite.Put(dy));
    sum = sum + dy;
  }
  p.args.dx = suite.Blank(p.desc.x);
  if (p.residual) p.args.dresidual = suite.Blank(p.desc.x);
  p.args.dgamma = suite.BlankParameter(p.gamma.size());
  p.args.dbeta = suite.BlankParameter(p.gamma.size());
  return sum;
}

void CheckTraining(BackendSuite& suite, Problem& p, int terms, double tolerance) {
  const Tensor dy = PrepareBackward(suite, p, terms);
  const auto op = suite.backend().MakeBatchNorm(p.desc);
  suite.Bind(*op, p.args);
  op->Forward();
  const Statistics batch = StatisticsOf(p.x);
  const Tensor y = suite.Get(p.desc.x, p.args.y);
  EXPECT_LT(Distance(y.v, p.Output(batch).v), tolerance);
  const Statistics next = UpdateRunning(p.running, batch, double{kMomentum}, p.x.n * p.x.h * p.x.w);
  const size_t c = p.gamma.size();
  EXPECT_LT(Distance(suite.GetParameter(p.args.running_mean, c), next.mean), 1e-6);
  EXPECT_LT(Distance(suite.GetParameter(p.args.running_var, c), next.variance), 1e-6);

  op->Backward();
  const Tensor masked = p.relu ? ReluGradient(dy, y) : dy;
  const BatchNormGradients want = NormaliseBackward(p.x, p.gamma, masked, double{kEps});
  EXPECT_LT(Distance(suite.GetParameter(p.args.dgamma, c), want.dgamma), tolerance);
  EXPECT_LT(Distance(suite.GetParameter(p.args.dbeta, c), want.dbeta), tolerance);
  EXPECT_LT(Distance(suite.Get(p.desc.x, p.args.dx).v, want.dx.v), tolerance);
  if (p.residual) {
    EXPECT_LT(Distance(suite.Get(p.desc.x, p.args.dresidual).v, masked.v), tolerance);
  }
}

void CheckMaxPool(BackendSuite& suite, const Tensor& x, const Window& window, int terms) {
  const Tensor want = MaxPool(x, window);
  const MaxPoolDesc desc = {suite.DescOf(x), suite.DescOf(want), window.kernel, window.stride,
                            window.pad};
  OpArgs args;
  args.x = suite.Put(x);
  args.y = suite.Blank(desc.y);
  args.dx = suite.Blank(desc.x);
  Tensor dy(want.n, want.c, want.h, want.w);
  for (int t = 0; t < terms; ++t) {
    const Tensor term = suite.RandomLike(want);
    args.dy.push_back(suite.Put(term));
    dy = dy + term;
  }
  const auto op = suite.backend().MakeMaxPool(desc);
  suite.Bind(*op, args);
  op->Forward();
  EXPECT_EQ(suite.Get(desc.y, args.y).v, want.v);
  op->Backward();
  EXPECT_LT(Distance(suite.Get(desc.x, args.dx).v, MaxPoolBackward(x, dy, window).v),
            suite.tolerance());
}

}  // namespace

TEST_P(BackendSuite, BatchNormTraining) {
  for (const bool relu : {false, true}) {
    for (const bool residual : {false, true}) {
      for (const int terms : {1, 2, 3}) {
        SCOPED_TRACE(::testing::Message()
                     << "relu " << relu << ", residual " << residual << ", " << terms << " terms");
        Problem p = Prepare(*this, Random(2, 80, 13, 11), relu, residual, true);
        CheckTraining(*this, p, terms, tolerance());
      }
    }
  }
}

TEST_P(BackendSuite, BatchNormAtOtherSizes) {
  for (const auto& [n, c, h, w] :
       {std::array<int64_t, 4>{1, 16, 2, 3}, {1, 64, 5, 3}, {3, 256, 2, 2}, {2, 64, 38, 38}}) {
    SCOPED_TRACE(::testing::Message() << n << "x" << c << "x" << h << "x" << w);
    Problem p = Prepare(*this, Random(n, c, h, w), true, false, true);
    CheckTraining(*this, p, 1, tolerance());
  }
}

// A mean a thousand deviations from zero: sums of squares would cancel in f32.
TEST_P(BackendSuite, BatchNormWithMeanFarFromZero) {
  const double deviation = low_precision() ? 2 : 0.1;
  Tensor x = Random(2, 32, 20, 20);
  for (double& v : x.v) v = 100 + v * deviation * std::sqrt(3.0);
  x = Get(DescOf(x), Put(x));
  Problem p = Prepare(*this, x, false, false, true);
  // The f32 mean itself is known to 4e-6 only.
  CheckTraining(*this, p, 1, std::max(tolerance(), 4e-6 / deviation * 2));
}

TEST_P(BackendSuite, BatchNormKeepsWhatRoundingTakes) {
  if (!backend().keeps_rests()) GTEST_SKIP() << "this backend keeps no rests";
  for (const bool relu : {false, true}) {
    SCOPED_TRACE(relu);
    Problem p = Prepare(*this, Random(2, 80, 5, 7), relu, true, true);
    Tensor rest = RandomLike(p.x);
    for (double& v : rest.v) v /= 256;
    p.args.residual_rest = Put(rest);
    p.shortcut = p.shortcut + rest;
    p.args.y_rest = Blank(p.desc.x);
    p.desc.residual_rest = p.desc.y_rest = true;
    PrepareBackward(*this, p, 1);
    const auto op = backend().MakeBatchNorm(p.desc);
    Bind(*op, p.args);
    op->Forward();
    const Tensor y = Get(p.desc.x, p.args.y), want = p.Output(StatisticsOf(p.x));
    EXPECT_LT(Distance(y.v, want.v), tolerance());
    EXPECT_LT(Distance((y + Get(p.desc.x, p.args.y_rest)).v, want.v), 1e-5);
  }
}

TEST_P(BackendSuite, BatchNormInferenceUsesRunningStatistics) {
  for (const bool relu : {false, true}) {
    for (const bool residual : {false, true}) {
      Problem p = Prepare(*this, Random(2, 48, 5, 7), relu, residual, false);
      const auto op = backend().MakeBatchNorm(p.desc);
      Bind(*op, p.args);
      op->Forward();
      EXPECT_LT(Distance(Get(p.desc.x, p.args.y).v, p.Output(p.running).v), tolerance());
      EXPECT_LT(Distance(GetParameter(p.args.running_mean, 48), p.running.mean), 1e-7)
          << "inference must not change the running mean";
    }
  }
}

// A network that diverges must not look healthy.
TEST_P(BackendSuite, BatchNormPassesNan) {
  Tensor x = Random(1, 16, 4, 4);
  x.at(0, 3, 2, 1) = std::numeric_limits<double>::quiet_NaN();
  Problem p = Prepare(*this, x, true, false, true);
  PrepareBackward(*this, p, 1);
  const auto op = backend().MakeBatchNorm(p.desc);
  Bind(*op, p.args);
  op->Forward();
  const Tensor y = Get(p.desc.x, p.args.y);
  EXPECT_TRUE(std::isnan(y.at(0, 3, 0, 0)));
  EXPECT_FALSE(std::isnan(y.at(0, 2, 0, 0)));
}

TEST_P(BackendSuite, MaxPoolTraining) {
  CheckMaxPool(*this, Random(2, 32, 14, 17), {3, 2, 1}, 1);
  CheckMaxPool(*this, Random(1, 16, 75, 75), {3, 2, 1}, 2);
  CheckMaxPool(*this, Random(2, 64, 150, 2), {3, 2, 1}, 1);
  CheckMaxPool(*this, Random(1, 16, 7, 6), {2, 2, 0}, 3);
  CheckMaxPool(*this, Random(1, 16, 5, 5), {5, 1, 2}, 1);
}

TEST_P(BackendSuite, MaxPoolTiesGoToTheFirst) {
  Tensor x = Random(2, 16, 12, 12);
  for (double& v : x.v) v = std::floor(v * 2);  // four levels
  CheckMaxPool(*this, x, {3, 2, 1}, 1);
  for (double& v : x.v) v = -1;  // the edge, as zero, would win
  CheckMaxPool(*this, x, {3, 2, 1}, 1);
}

TEST_P(BackendSuite, MaxPoolInference) {
  const Tensor x = Random(2, 16, 9, 9);
  const Tensor want = MaxPool(x, {3, 2, 1});
  const MaxPoolDesc desc = {DescOf(x), DescOf(want), 3, 2, 1, false};
  const auto op = backend().MakeMaxPool(desc);
  EXPECT_EQ(op->needs().saved, 0u);
  OpArgs args;
  args.x = Put(x);
  args.y = Blank(desc.y);
  Bind(*op, args);
  op->Forward();
  EXPECT_EQ(Get(desc.y, args.y).v, want.v);
}

}  // namespace ssd::testing
