// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// The work that ops do for their neighbours (Backend::fuses).
#include <cmath>

#include "testing/backend_suite.h"

namespace ssd::testing {
namespace {

constexpr float kEps = 1e-5f, kMomentum = 0.9f;

std::vector<double> SumsOf(const Tensor& x) {
  const Statistics s = StatisticsOf(x);
  const auto n = static_cast<double>(x.n * x.h * x.w);
  std::vector<double> sums;
  for (const double mean : s.mean) sums.push_back(n * mean);
  for (size_t c = 0; c < s.mean.size(); ++c)
    sums.push_back(n * (s.variance[c] + s.mean[c] * s.mean[c]));
  return sums;
}

// Adds the weights and gradients of a convolution of `in`, one term of dy, which is returned.
struct Conv {
  Conv(BackendSuite& suite, const Tensor& in, int64_t out, const Window& w)
      : window(w),
        weight(suite.RandomVector(out * in.c * w.kernel * w.kernel)),
        dy(suite.Random(in.n, out, OutputSize(in.h, w), OutputSize(in.w, w))),
        desc{.x = suite.DescOf(in),
             .y = suite.DescOf(dy),
             .kernel = w.kernel,
             .stride = w.stride,
             .pad = w.pad,
             .eps = kEps} {
    args.x = suite.Put(in);
    args.y = suite.Blank(desc.y);
    args.dy = {suite.Put(dy)};
    args.dx = suite.Blank(desc.x);
    args.weight = suite.PutParameter(weight);
    args.dweight = suite.BlankParameter(weight.size());
  }
  Window window;
  std::vector<double> weight;
  Tensor dy;
  ConvDesc desc;
  OpArgs args;
};

// A deferred BatchNorm and the convolution that reads it. No value is near the ReLU's edge, where
// rounding decides.
void CheckDeferred(FusedSuite& suite, const Window& window, bool statistics) {
  Tensor x = suite.Random(2, 32, 9, 7);
  for (double& v : x.v) v = v < 0 ? v / 2 - 0.5 : v / 2 + 0.5;
  auto gamma = suite.RandomVector(32), beta = suite.RandomVector(32);
  for (double& v : gamma) v = v < 0 ? v - 0.5 : v + 0.5;
  for (double& v : beta) v /= 16;
  const Statistics running{suite.RandomVector(32), std::vector<double>(32, 0.75)};

  OpArgs norm_args;
  norm_args.gamma = suite.PutParameter(gamma);
  norm_args.beta = suite.PutParameter(beta);
  norm_args.running_mean = suite.PutParameter(running.mean);
  norm_args.running_var = suite.PutParameter(running.variance);
  norm_args.dgamma = suite.BlankParameter(32);
  norm_args.dbeta = suite.BlankParameter(32);
  norm_args.sums = suite.PutParameter(SumsOf(x));
  Conv conv(suite, x, 48, window);
  conv.desc.normalise = true;
  conv.desc.statistics = statistics;
  norm_args.x = conv.args.x;
  norm_args.dy = {conv.args.dx};
  norm_args.dx = suite.Blank(conv.desc.x);
  const auto norm = suite.backend().MakeBatchNorm({.x = conv.desc.x,
                                                   .eps = kEps,
                                                   .momentum = kMomentum,
                                                   .relu = true,
                                                   .sums = true,
                                                   .deferred = true,
                                                   .finished = true});
  conv.args.norm = suite.Bind(*norm, norm_args).saved;
  conv.args.gamma = norm_args.gamma;
  conv.args.beta = norm_args.beta;
  conv.args.dgamma = norm_args.dgamma;
  conv.args.dbeta = norm_args.dbeta;
  if (statistics) conv.args.sums = suite.BlankParameter(2 * 48);
  const auto op = suite.backend().MakeConv(conv.desc);
  suite.Bind(*op, conv.args);

  const double tolerance = 2 * suite.tolerance();
  norm->Forward();
  op->Forward();
  const Statistics batch = StatisticsOf(x);
  const Tensor read = Relu(Normalise(x, batch, gamma, beta, double{kEps}));
  const Tensor y = suite.Get(conv.desc.y, conv.args.y);
  EXPECT_LT(Distance(y.v, Convolve(read, conv.weight, {}, 48, window).v), tolerance);
  if (statistics) {
    EXPECT_LT(Distance(suite.GetParameter(conv.args.sums, 2 * 48), SumsOf(y)), tolerance);
  }
  const Statistics next = UpdateRunning(running, batch, double{kMomentum}, 2 * 9 * 7);
  EXPECT_LT(Distance(suite.GetParameter(norm_args.running_mean, 32), next.mean), 1e-6);
  EXPECT_LT(Distance(suite.GetParameter(norm_args.running_var, 32), next.variance), 1e-6);

  op->Backward();
  norm->Backward();
  const ConvGradients want = ConvolveBackward(read, conv.weight, conv.dy, window);
  const Tensor before = ReluGradient(want.dx, read);
  const BatchNormGradients of_norm = NormaliseBackward(x, gamma, before, double{kEps});
  EXPECT_LT(Distance(suite.GetGradient(conv.args.dweight, want.dweight.size()), want.dweight),
            tolerance);
  EXPECT_LT(Distance(suite.Get(conv.desc.x, conv.args.dx).v, before.v), tolerance);
  EXPECT_LT(Distance(suite.GetParameter(norm_args.dgamma, 32), of_norm.dgamma), tolerance);
  EXPECT_LT(Distance(suite.GetParameter(norm_args.dbeta, 32), of_norm.dbeta), tolerance);
  EXPECT_LT(Distance(suite.Get(conv.desc.x, norm_args.dx).v, of_norm.dx.v), tolerance);
}

}  // namespace

// Not every backend has it.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(FusedSuite);

TEST_P(FusedSuite, SaysSo) { EXPECT_TRUE(backend().fuses()); }

TEST_P(FusedSuite, ConvolutionSumsWhatItWrites) {
  for (const Window& window : {Window{3, 1, 1}, {1, 2, 0}, {3, 2, 1}}) {
    Conv conv(*this, Random(2, 32, 15, 15), 64, window);
    conv.desc.statistics = true;
    conv.args.sums = BlankParameter(2 * 64);
    const auto op = backend().MakeConv(conv.desc);
    Bind(*op, conv.args);
    op->Forward();
    const Tensor y = Get(conv.desc.y, conv.args.y);
    EXPECT_LT(Distance(GetParameter(conv.args.sums, 2 * 64), SumsOf(y)), tolerance());
  }
}

TEST_P(FusedSuite, ConvolutionReadsADeferredBatchNorm) {
  for (const Window& window : {Window{3, 1, 1}, {1, 1, 0}}) {
    for (const bool statistics : {false, true}) {
      SCOPED_TRACE(::testing::Message()
                   << window.kernel << "x" << window.kernel << ", statistics " << statistics);
      CheckDeferred(*this, window, statistics);
    }
  }
}

TEST_P(FusedSuite, ConvolutionFinishesTheGradientOfItsInput) {
  for (const int terms : {0, 1, 2}) {
    for (const bool relu : {false, true}) {
      SCOPED_TRACE(::testing::Message() << terms << " terms, relu " << relu);
      const Tensor x = Random(2, 32, 9, 7);
      Conv conv(*this, x, 48, {3, 1, 1});
      Tensor want = ConvolveBackward(x, conv.weight, conv.dy, conv.window).dx;
      for (int t = 0; t < terms; ++t) {
        const Tensor term = RandomLike(x);
        conv.args.dx_terms.push_back(Put(term));
        want = want + term;
      }
      conv.desc.dx_terms = terms;
      conv.desc.dx_relu = relu;
      const auto op = backend().MakeConv(conv.desc);
      Bind(*op, conv.args);
      op->Forward();
      op->Backward();
      if (relu) want = ReluGradient(want, x);
      EXPECT_LT(Distance(Get(conv.desc.x, conv.args.dx).v, want.v), tolerance());
    }
  }
}

// dy that is before the ReLU already is not masked again; y is not read.
TEST_P(FusedSuite, ConvolutionTakesAFinishedGradient) {
  const Tensor x = Random(2, 32, 5, 5);
  Conv conv(*this, x, 48, {3, 1, 1});
  conv.desc.relu = conv.desc.finished = true;
  const auto op = backend().MakeConv(conv.desc);
  Bind(*op, conv.args);
  op->Forward();
  Poison(conv.args.y, backend().Bytes(conv.desc.y));
  op->Backward();
  const ConvGradients want = ConvolveBackward(x, conv.weight, conv.dy, conv.window);
  EXPECT_LT(Distance(Get(conv.desc.x, conv.args.dx).v, want.dx.v), tolerance());
  EXPECT_LT(Distance(GetGradient(conv.args.dweight, want.dweight.size()), want.dweight),
            tolerance());
}

TEST_P(FusedSuite, BatchNormTakesSumsAndAFinishedGradient) {
  const Tensor x = Random(2, 48, 9, 7), shortcut = RandomLike(x), dy = RandomLike(x);
  const auto gamma = RandomVector(48), beta = RandomVector(48);
  const BatchNormDesc desc = {.x = DescOf(x),
                              .eps = kEps,
                              .momentum = kMomentum,
                              .relu = true,
                              .residual = true,
                              .sums = true,
                              .finished = true};
  OpArgs args;
  args.x = Put(x);
  args.residual = Put(shortcut);
  args.y = Blank(desc.x);
  args.dy = {Put(dy)};
  args.dx = Blank(desc.x);
  args.gamma = PutParameter(gamma);
  args.beta = PutParameter(beta);
  args.running_mean = PutParameter(std::vector<double>(48));
  args.running_var = PutParameter(std::vector<double>(48));
  args.dgamma = BlankParameter(48);
  args.dbeta = BlankParameter(48);
  args.sums = PutParameter(SumsOf(x));
  const auto op = backend().MakeBatchNorm(desc);
  Bind(*op, args);
  op->Forward();
  const Tensor y = Relu(Normalise(x, StatisticsOf(x), gamma, beta, double{kEps}) + shortcut);
  EXPECT_LT(Distance(Get(desc.x, args.y).v, y.v), tolerance());
  op->Backward();
  const BatchNormGradients want = NormaliseBackward(x, gamma, dy, double{kEps});
  EXPECT_LT(Distance(GetParameter(args.dgamma, 48), want.dgamma), tolerance());
  EXPECT_LT(Distance(GetParameter(args.dbeta, 48), want.dbeta), tolerance());
  EXPECT_LT(Distance(Get(desc.x, args.dx).v, want.dx.v), tolerance());
}

}  // namespace ssd::testing
