// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// The oracle against hand-worked values and against finite differences of itself.
#include "testing/reference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "core/philox.h"

namespace ssd::testing {
namespace {

constexpr double kStep = 1e-5;

Tensor Random(int64_t n, int64_t c, int64_t h, int64_t w, uint64_t id) {
  Tensor t(n, c, h, w);
  Philox random(1, Purpose::kSynthetic, 0, id);
  for (double& v : t.v) v = random.Uniform(-1, 1);
  return t;
}

double Dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// The slope of f along every element of v.
std::vector<double> Slopes(std::vector<double>& v, const std::function<double()>& f) {
  std::vector<double> slopes;
  for (double& element : v) {
    const double kept = element;
    element = kept + kStep;
    const double above = f();
    element = kept - kStep;
    slopes.push_back((above - f()) / (2 * kStep));
    element = kept;
  }
  return slopes;
}

void ExpectNear(const std::vector<double>& got, const std::vector<double>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-7) << i;
}

TEST(Reference, ConvolvesByHand) {
  Tensor x(1, 1, 3, 3);
  for (size_t i = 0; i < 9; ++i) x.v[i] = static_cast<double>(i + 1);
  const std::vector<double> weight = {0, 0, 0, 0, 1, 2, 0, 0, 4}, bias = {10};
  const Tensor y = Convolve(x, weight, bias, 1, {3, 2, 1});
  // x[i][j] + 2 x[i][j+1] + 4 x[i+1][j+1], zero outside.
  ExpectNear(y.v, {10 + 1 + 4 + 20, 10 + 3, 10 + 7 + 16, 10 + 9});
}

TEST(Reference, ConvolutionGradientsAreSlopes) {
  const Window window{3, 2, 1};
  Tensor x = Random(2, 3, 5, 6, 1), weight = Random(4, 3, 3, 3, 2), bias = Random(1, 4, 1, 1, 3);
  const Tensor dy = Random(2, 4, 3, 3, 4);
  const auto loss = [&] { return Dot(Convolve(x, weight.v, bias.v, 4, window).v, dy.v); };
  const ConvGradients g = ConvolveBackward(x, weight.v, dy, window);
  ExpectNear(g.dx.v, Slopes(x.v, loss));
  ExpectNear(g.dweight, Slopes(weight.v, loss));
  ExpectNear(g.dbias, Slopes(bias.v, loss));
}

TEST(Reference, BatchNormGradientsAreSlopes) {
  constexpr double kEps = 1e-2;
  Tensor x = Random(2, 2, 3, 2, 5), gamma = Random(1, 2, 1, 1, 6), beta = Random(1, 2, 1, 1, 7);
  const Tensor dy = Random(2, 2, 3, 2, 8);
  const auto loss = [&] {
    return Dot(Normalise(x, StatisticsOf(x), gamma.v, beta.v, kEps).v, dy.v);
  };
  const BatchNormGradients g = NormaliseBackward(x, gamma.v, dy, kEps);
  ExpectNear(g.dx.v, Slopes(x.v, loss));
  ExpectNear(g.dgamma, Slopes(gamma.v, loss));
  ExpectNear(g.dbeta, Slopes(beta.v, loss));
}

TEST(Reference, RunningVarianceIsUnbiased) {
  Tensor x(1, 1, 1, 4);
  x.v = {1, 2, 3, 6};
  const Statistics batch = StatisticsOf(x);
  ExpectNear(batch.mean, {3});
  ExpectNear(batch.variance, {3.5});
  const Statistics next = UpdateRunning({{1}, {2}}, batch, 0.9, 4);
  ExpectNear(next.mean, {0.9 + 0.3});
  ExpectNear(next.variance, {1.8 + 0.1 * 14 / 3});
}

TEST(Reference, MaxPoolTiesGoToTheFirst) {
  Tensor x(1, 1, 3, 3);
  x.v = {-1, -1, -2, -1, -1, -2, -3, -3, -3};
  const Window window{3, 2, 1};
  ExpectNear(MaxPool(x, window).v, {-1, -1, -1, -1});
  Tensor dy(1, 1, 2, 2);
  dy.v = {1, 2, 4, 8};
  ExpectNear(MaxPoolBackward(x, dy, window).v, {1, 2, 0, 4, 8, 0, 0, 0, 0});
}

TEST(Reference, SgdKeepsTheRateInsideTheMomentum) {
  const std::vector<double> gradient = {256};
  SgdState s = SgdStep({{1}, {0.5}}, gradient, 0.1, 0.9, 0.01, 128);
  EXPECT_NEAR(s.m[0], 0.9 * 0.5 - 0.1 * (2 + 0.01), 1e-15);
  EXPECT_NEAR(s.w[0], 1 + s.m[0], 1e-15);
}

// V10: two steps, the second after a decay.
TEST(Reference, SgdOfTheWorkedVector) {
  SgdState s = SgdStep({{1}, {0}}, std::vector<double>{64}, 0.1, 0.9, 0.00013, 128);
  EXPECT_NEAR(s.m[0], -0.050013, 1e-12);
  EXPECT_NEAR(s.w[0], 0.949987, 1e-12);
  s = SgdStep(s, std::vector<double>{-12.8}, 0.01, 0.9, 0.00013, 128);
  EXPECT_NEAR(s.m[0], -0.04401293498, 1e-11);
  EXPECT_NEAR(s.w[0], 0.90597406502, 1e-11);
}

}  // namespace
}  // namespace ssd::testing
