// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstring>

#include "testing/backend_suite.h"

namespace ssd::testing {
namespace {

// One kind of convolution of the network (spec section 4) at a small size.
struct ConvCase {
  const char* name;
  int64_t batch, in, out, height, width;
  Window window;
  bool bias = false, relu = false;
  int terms = 1;  // of dy
  Layout x = Layout::kActivation, y = Layout::kActivation;
};

const ConvCase kTraining[] = {
    {"first 7x7/2 of an image", 2, 3, 64, 21, 30, {7, 2, 3}, false, false, 1, Layout::kImage},
    {"3x3 of a block", 2, 64, 64, 9, 7, {3, 1, 1}},
    {"3x3, batch 1", 1, 128, 128, 6, 5, {3, 1, 1}},
    {"3x3/2 between stages, odd size", 2, 16, 32, 75, 75, {3, 2, 1}},
    {"1x1 shortcut", 2, 32, 64, 6, 7, {1, 1, 0}},
    {"1x1/2 shortcut, odd size", 1, 16, 32, 75, 75, {1, 2, 0}},
    {"1x1 of an extra layer", 2, 64, 32, 6, 7, {1, 1, 0}, true, true},
    {"3x3/2 of an extra layer, two consumers", 2, 32, 64, 19, 19, {3, 2, 1}, true, true, 2},
    {"3x3 without pad, 5 to 3", 2, 32, 48, 5, 5, {3, 1, 0}, true, true, 2},
    {"3x3 without pad, 3 to 1", 2, 32, 48, 3, 3, {3, 1, 0}, true, true},
    {"two consumers, no ReLU", 1, 32, 32, 5, 4, {3, 1, 1}, true, false, 2},
    {"head of 4 shapes",
     2,
     32,
     340,
     5,
     4,
     {3, 1, 1},
     true,
     false,
     1,
     Layout::kActivation,
     Layout::kHead},
    {"head of 6 shapes",
     1,
     64,
     510,
     3,
     3,
     {3, 1, 1},
     true,
     false,
     1,
     Layout::kActivation,
     Layout::kHead},
    {"head of the last map",
     2,
     32,
     340,
     1,
     1,
     {3, 1, 1},
     true,
     false,
     1,
     Layout::kActivation,
     Layout::kHead},
};

struct Buffers {
  Tensor x;
  std::vector<double> weight, bias;
  ConvDesc desc;
  OpArgs args;
};
Buffers Prepare(BackendSuite& suite, const ConvCase& c) {
  Buffers b;
  b.x = suite.Random(c.batch, c.in, c.height, c.width);
  b.weight = suite.RandomVector(c.out * c.in * c.window.kernel * c.window.kernel);
  if (c.bias) b.bias = suite.RandomVector(c.out);
  b.desc = {
      .x = suite.DescOf(b.x, c.x),
      .y = {c.batch, c.out, OutputSize(c.height, c.window), OutputSize(c.width, c.window), c.y},
      .kernel = c.window.kernel,
      .stride = c.window.stride,
      .pad = c.window.pad,
      .bias = c.bias,
      .relu = c.relu,
      .input_gradient = c.x != Layout::kImage};
  b.args.x = suite.Put(b.x, c.x);
  b.args.y = suite.Blank(b.desc.y);
  b.args.weight = suite.PutParameter(b.weight);
  if (c.bias) b.args.bias = suite.PutParameter(b.bias);
  return b;
}
// Adds what Backward needs; returns the sum of dy's terms.
Tensor PrepareBackward(BackendSuite& suite, const ConvCase& c, Buffers& b) {
  const Layout layout = c.y == Layout::kHead ? Layout::kHeadGradient : c.y;
  Tensor sum(b.desc.y.batch, b.desc.y.channels, b.desc.y.height, b.desc.y.width);
  for (int t = 0; t < c.terms; ++t) {
    const Tensor dy = suite.RandomLike(sum);
    b.args.dy.push_back(suite.Put(dy, layout));
    sum = sum + dy;
  }
  b.args.dweight = suite.BlankParameter(b.weight.size());
  if (c.bias) b.args.dbias = suite.BlankParameter(b.bias.size());
  if (b.desc.input_gradient) b.args.dx = suite.Blank(b.desc.x);
  return sum;
}

}  // namespace

TEST_P(BackendSuite, ConvolutionTraining) {
  for (const ConvCase& c : kTraining) {
    SCOPED_TRACE(c.name);
    Buffers b = Prepare(*this, c);
    const Tensor dy = PrepareBackward(*this, c, b);
    const auto op = backend().MakeConv(b.desc);
    Bind(*op, b.args);
    op->Forward();
    const Tensor y = Get(b.desc.y, b.args.y);
    const Tensor plain = Convolve(b.x, b.weight, b.bias, c.out, c.window);
    // A head's scores leave the op in f32 and its inputs are exact: no rounding is allowed.
    const double forward = c.y == Layout::kHead ? 1e-6 : tolerance();
    EXPECT_LT(Distance(y.v, c.relu ? Relu(plain).v : plain.v), forward);

    op->Backward();
    const ConvGradients want =
        ConvolveBackward(b.x, b.weight, c.relu ? ReluGradient(dy, y) : dy, c.window);
    EXPECT_LT(Distance(GetGradient(b.args.dweight, want.dweight.size()), want.dweight),
              gradient_tolerance());
    if (c.bias) {
      EXPECT_LT(Distance(GetParameter(b.args.dbias, want.dbias.size()), want.dbias),
                gradient_tolerance());
    }
    if (b.desc.input_gradient) {
      EXPECT_LT(Distance(Get(b.desc.x, b.args.dx).v, want.dx.v), gradient_tolerance());
    }
  }
}

// The loss sends a gradient to few cells of a head, sometimes to none.
TEST_P(BackendSuite, ConvolutionOfHeadWithFewActiveCells) {
  const ConvCase c = {
      "", 2, 32, 340, 9, 8, {3, 1, 1}, true, false, 1, Layout::kActivation, Layout::kHead};
  const int64_t cells = c.batch * c.height * c.width;
  const std::vector<std::vector<int64_t>> patterns = {
      {}, {0}, {7, 8, 17}, {0, 7, 64, 71, 72, cells - 1}, {30, 31, 32, 38, 39, 40, 46, 47, 48}};
  Buffers b = Prepare(*this, c);
  PrepareBackward(*this, c, b);
  const auto op = backend().MakeConv(b.desc);
  Bind(*op, b.args);
  op->Forward();
  for (const auto& pattern : patterns) {
    SCOPED_TRACE(::testing::Message() << pattern.size() << " active cells");
    const Tensor values = Random(c.batch, c.out, c.height, c.width);
    Tensor dy(c.batch, c.out, c.height, c.width);
    for (const int64_t cell : pattern) {
      const int64_t n = cell / (c.height * c.width), h = cell / c.width % c.height;
      for (int64_t o = 1; o < c.out; o += 3)
        dy.at(n, o, h, cell % c.width) = values.at(n, o, h, cell % c.width);
    }
    ValueDesc desc = DescOf(dy, Layout::kHeadGradient);
    const std::vector<float> narrow(dy.v.begin(), dy.v.end());
    backend().Import(desc, narrow, const_cast<void*>(b.args.dy[0]));
    op->Backward();
    const ConvGradients want = ConvolveBackward(b.x, b.weight, dy, c.window);
    const auto dweight = GetGradient(b.args.dweight, want.dweight.size());
    const auto dbias = GetParameter(b.args.dbias, want.dbias.size());
    const auto dx = Get(b.desc.x, b.args.dx).v;
    if (pattern.empty()) {
      EXPECT_EQ(dweight, want.dweight);
      EXPECT_EQ(dbias, want.dbias);
      EXPECT_EQ(dx, want.dx.v);
    } else {
      EXPECT_LT(Distance(dweight, want.dweight), tolerance());
      EXPECT_LT(Distance(dbias, want.dbias), tolerance());
      EXPECT_LT(Distance(dx, want.dx.v), tolerance());
    }
  }
}

// Weights belong to the caller and change between steps; gradients are overwritten, not added to.
TEST_P(BackendSuite, ConvolutionTakesTheWeightsOfTheMoment) {
  const ConvCase c = {"", 1, 32, 32, 5, 5, {3, 1, 1}, true, true};
  Buffers b = Prepare(*this, c);
  PrepareBackward(*this, c, b);
  auto* weight = PutParameter(b.weight);
  b.args.weight = weight;
  const auto op = backend().MakeConv(b.desc);
  Bind(*op, b.args);
  op->Forward();
  op->Backward();
  const auto y = Get(b.desc.y, b.args.y).v;
  const auto dweight = GetGradient(b.args.dweight, b.weight.size());
  const auto dx = Get(b.desc.x, b.args.dx).v;
  op->Forward();
  op->Backward();
  EXPECT_EQ(Get(b.desc.y, b.args.y).v, y) << "a step must be repeatable to the bit";
  EXPECT_EQ(GetGradient(b.args.dweight, b.weight.size()), dweight);
  EXPECT_EQ(Get(b.desc.x, b.args.dx).v, dx);

  for (double& w : b.weight) w *= -0.5;
  SetParameter(weight, b.weight);
  op->Refresh();
  op->Forward();
  EXPECT_LT(
      Distance(Get(b.desc.y, b.args.y).v, Relu(Convolve(b.x, b.weight, b.bias, c.out, c.window)).v),
      tolerance());
}

// The update takes the filter's gradient as Backward or PackGradients leaves it, and Forward the
// filter as the update leaves it; so for what lies around the filter.
TEST_P(BackendSuite, ConvolutionAndSgdPassTheFilterOn) {
  const ConvCase c = {"", 1, 32, 48, 5, 5, {3, 1, 1}, false, false};
  Buffers b = Prepare(*this, c);
  const Tensor dy = PrepareBackward(*this, c, b);
  const size_t before = 7, size = b.weight.size() + 20;
  auto w = RandomVector(static_cast<int64_t>(size)), m = RandomVector(static_cast<int64_t>(size));
  auto gradient = RandomVector(static_cast<int64_t>(size));
  std::ranges::copy(b.weight, w.begin() + before);
  const SgdArgs arenas = {PutParameter(w), PutParameter(m), PutParameter(gradient),
                          static_cast<int64_t>(size)};
  b.args.weight = arenas.w + before;
  b.args.dweight = arenas.gradient + before;
  const auto op = backend().MakeConv(b.desc);
  Bind(*op, b.args);
  const auto sgd = backend().MakeSgd(arenas);
  sgd->SetRates({0.25f, 0.875f, 0.125f, 2});
  const auto expect_step = [&] {
    const SgdState want = SgdStep({w, m}, gradient, 0.25, 0.875, 0.125, 2);
    w = GetParameter(arenas.w, size);
    EXPECT_LT(Distance(w, want.w), tolerance());
    EXPECT_LT(Distance(m = GetParameter(arenas.m, size), want.m), tolerance());
    op->Forward();
    const std::vector<double> filter(w.begin() + before, w.begin() + before + b.weight.size());
    EXPECT_LT(Distance(Get(b.desc.y, b.args.y).v, Convolve(b.x, filter, {}, c.out, c.window).v),
              tolerance());
  };
  op->Forward();
  op->Backward();
  sgd->Run();
  std::ranges::copy(ConvolveBackward(b.x, b.weight, dy, c.window).dweight,
                    gradient.begin() + before);
  expect_step();
  gradient = RandomVector(static_cast<int64_t>(size));
  SetParameter(arenas.gradient, gradient);
  backend().PackGradients();
  sgd->Run();
  expect_step();
}

TEST_P(BackendSuite, ConvolutionFoldsBatchNormAndAddsTheShortcut) {
  constexpr float kEps = 1e-5f;
  for (const bool residual : {false, true}) {
    for (const bool relu : {false, true}) {
      for (const Window& window : {Window{3, 1, 1}, Window{3, 2, 1}, Window{1, 2, 0}}) {
        SCOPED_TRACE(::testing::Message() << "residual " << residual << ", relu " << relu << ", "
                                          << window.kernel << "x/" << window.stride);
        const ConvCase c = {"", 2, 32, 48, 9, 7, window, false, relu};
        Buffers b = Prepare(*this, c);
        b.desc.training = false;
        b.desc.residual = residual;
        b.desc.fold = true;
        b.desc.eps = kEps;
        const auto gamma = RandomVector(c.out), beta = RandomVector(c.out);
        Statistics running{RandomVector(c.out), RandomVector(c.out)};
        for (double& v : running.variance) v = std::abs(v) + 0.5;
        b.args.gamma = PutParameter(gamma);
        b.args.beta = PutParameter(beta);
        b.args.running_mean = PutParameter(running.mean);
        b.args.running_var = PutParameter(running.variance);
        Tensor want =
            Normalise(Convolve(b.x, b.weight, {}, c.out, window), running, gamma, beta, kEps);
        if (residual) {
          const Tensor shortcut = RandomLike(want);
          b.args.residual = Put(shortcut);
          want = want + shortcut;
        }
        const auto op = backend().MakeConv(b.desc);
        Bind(*op, b.args);
        op->Forward();
        EXPECT_LT(Distance(Get(b.desc.y, b.args.y).v, relu ? Relu(want).v : want.v), tolerance());
      }
    }
  }
}

TEST_P(BackendSuite, ConvolutionTakesNewWeightsOnRefresh) {
  const ConvCase c = {
      "", 2, 32, 340, 3, 3, {3, 1, 1}, true, false, 1, Layout::kActivation, Layout::kHead};
  Buffers b = Prepare(*this, c);
  b.desc.training = false;
  auto* weight = PutParameter(b.weight);
  auto* bias = PutParameter(b.bias);
  b.args.weight = weight;
  b.args.bias = bias;
  const auto op = backend().MakeConv(b.desc);
  Bind(*op, b.args);
  for (int round = 0; round < 2; ++round) {
    op->Refresh();
    op->Forward();
    EXPECT_LT(
        Distance(Get(b.desc.y, b.args.y).v, Convolve(b.x, b.weight, b.bias, c.out, c.window).v),
        1e-6);
    b.weight[5] = 2;
    b.bias[7] = -3;
    SetParameter(weight, b.weight);
    SetParameter(bias, b.bias);
  }
}

// Products of f32 must not be made from bf16 or tf32: 1 + 2^-12 needs thirteen bits.
TEST_P(BackendSuite, ConvolutionInF32KeepsAllDigits) {
  if (low_precision()) GTEST_SKIP() << "for f32 backends only";
  const ConvCase c = {"", 1, 16, 16, 3, 3, {1, 1, 0}};
  Buffers b = Prepare(*this, c);
  for (double& w : b.weight) w = 1 + 0x1p-12;
  for (double& v : b.x.v) v = 1 + 0x1p-12;
  b.args.weight = PutParameter(b.weight);
  b.args.x = Put(b.x);
  PrepareBackward(*this, c, b);
  const auto op = backend().MakeConv(b.desc);
  Bind(*op, b.args);
  op->Forward();
  const double want = 16 * (1 + 0x1p-12) * (1 + 0x1p-12);
  for (const double y : Get(b.desc.y, b.args.y).v) EXPECT_NEAR(y, want, want * 1e-6);
}

}  // namespace ssd::testing
