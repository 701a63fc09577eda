// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/winograd.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "backends/cpu/test_winograd.h"
#include "backends/cpu/winograd4_passes.h"

namespace ssd {
namespace {

using testing::ConvGradients;
using testing::ConvolveBackward;
using testing::Integers;
using testing::Tensor;

std::vector<bfloat16> ChannelsLast(const Tensor& t) {
  return testing::ChannelsLast(t, bfloat16::From);
}

struct Case {
  int64_t batch, in, out, height, width;
};

// Both kinds, and the factor that makes a weight or a gradient divisible by what the transforms of
// filters divide by.
struct In2x2 {
  using Backward = Winograd;
  static constexpr double kFactor = 4, kGradientFactor = 1;
  static bool Runs() { return testing::HasBf16Dot(); }
};
struct In4x4 {
  using Backward = Winograd4Backward;
  static constexpr double kFactor = 576, kGradientFactor = 576;
  static bool Runs() { return testing::HasAvx512(); }
};

template <class Kind>
class WinogradTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!Kind::Runs()) GTEST_SKIP() << "needs a processor with AVX-512, for 2x2 also its bf16";
  }
};
using Kinds = ::testing::Types<In2x2, In4x4>;
TYPED_TEST_SUITE(WinogradTest, Kinds);

struct Result {
  std::vector<bfloat16> dx;
  std::vector<float> dweight;
};
template <class Backward>
Result GradientsOf(const Case& c, const Tensor& x, const std::vector<double>& weight,
                   const Tensor& dy, int threads) {
  const CpuContext context = {{dnnl::engine::kind::cpu, 0}, {}, Precision::kBF16, threads, nullptr};
  const ConvDesc desc = {.x = {c.batch, c.in, c.height, c.width},
                         .y = {c.batch, c.out, c.height, c.width},
                         .kernel = 3,
                         .stride = 1,
                         .pad = 1,
                         .input_gradient = true};
  Backward winograd(context, desc);
  const auto x_values = ChannelsLast(x), dy_values = ChannelsLast(dy);
  const std::vector<float> master(weight.begin(), weight.end());
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Result r{std::vector<bfloat16>(x_values.size(), bfloat16::From(nan)),
           std::vector<float>(weight.size(), nan)};
  std::vector<float> scratch(winograd.scratch() / sizeof(float), nan);
  OpArgs args;
  args.x = x_values.data();
  args.weight = master.data();
  args.dx = r.dx.data();
  args.dweight = r.dweight.data();
  winograd.Bind(args, dy_values.data(), scratch.data());
  winograd.Run();
  return r;
}

// Small whole numbers are transformed, multiplied and added without rounding: both gradients must
// come out equal to the plain loops'.
TYPED_TEST(WinogradTest, IsExactWhereNothingIsRounded) {
  const Case cases[] = {{1, 32, 32, 75, 75},  {1, 64, 64, 38, 38},  {3, 64, 96, 19, 19},
                        {1, 512, 64, 10, 10}, {3, 64, 512, 10, 13}, {2, 32, 64, 11, 10}};
  for (const Case& c : cases) {
    Tensor x(c.batch, c.in, c.height, c.width), dy(c.batch, c.out, c.height, c.width);
    x.v = Integers(x.v.size(), 2, 1);
    dy.v = Integers(dy.v.size(), 2, 2);
    auto weight = Integers(static_cast<size_t>(c.out * c.in * 9), 3, 3);
    for (double& w : weight) w *= TypeParam::kFactor;
    for (double& g : dy.v) g *= TypeParam::kGradientFactor;
    const ConvGradients want = ConvolveBackward(x, weight, dy, {3, 1, 1});
    const auto dx = ChannelsLast(want.dx);
    for (const int threads : {1, 2, 5}) {
      SCOPED_TRACE(::testing::Message() << c.in << " to " << c.out << " channels, " << c.height
                                        << "x" << c.width << ", " << threads << " threads");
      const Result got = GradientsOf<typename TypeParam::Backward>(c, x, weight, dy, threads);
      EXPECT_EQ(std::memcmp(got.dx.data(), dx.data(), dx.size() * sizeof(bfloat16)), 0);
      EXPECT_EQ(std::vector<double>(got.dweight.begin(), got.dweight.end()), want.dweight);
    }
  }
}

TYPED_TEST(WinogradTest, IsTheSameForEveryNumberOfThreads) {
  const Case c = {3, 64, 64, 19, 21};
  Tensor x(c.batch, c.in, c.height, c.width), dy = x;
  x.v = Integers(x.v.size(), 127, 4);
  dy.v = Integers(dy.v.size(), 127, 5);
  auto weight = Integers(static_cast<size_t>(c.out * c.in * 9), 100000, 6);
  for (double& w : weight) w /= 3e5;
  const Result one = GradientsOf<typename TypeParam::Backward>(c, x, weight, dy, 1);
  for (const int threads : {2, 3, 7}) {
    SCOPED_TRACE(threads);
    const Result got = GradientsOf<typename TypeParam::Backward>(c, x, weight, dy, threads);
    EXPECT_EQ(std::memcmp(got.dx.data(), one.dx.data(), one.dx.size() * sizeof(bfloat16)), 0);
    EXPECT_EQ(got.dweight, one.dweight);
  }
}

// Which layers it takes: those whose channels are made of panels, and no head.
TEST(Winograd, LeavesTheOtherConvolutions) {
  const ConvDesc block = {
      .x = {1, 64, 8, 8}, .y = {1, 64, 8, 8}, .kernel = 3, .stride = 1, .pad = 1};
  EXPECT_TRUE(Winograd::Takes(block));
  ConvDesc other = block;
  other.kernel = 1;
  other.pad = 0;
  EXPECT_FALSE(Winograd::Takes(other));
  other = block;
  other.stride = 2;
  EXPECT_FALSE(Winograd::Takes(other));
  other = block;
  other.x.channels = 48;
  EXPECT_FALSE(Winograd::Takes(other));
  other = block;
  other.y.channels = 340;
  EXPECT_FALSE(Winograd::Takes(other));
  other = block;
  other.bias = true;
  EXPECT_FALSE(Winograd::Takes(other));
}

}  // namespace
}  // namespace ssd
