// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/winograd4.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "backends/cpu/test_winograd.h"

namespace ssd {
namespace {

using testing::HasAvx512;
using testing::Integers;
using testing::Tensor;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

struct Case {
  int64_t batch, in, out, height, width;
};
struct Input {
  Tensor x, residual;
  std::vector<double> weight, bias;
};

std::vector<bfloat16> Bf16(const Tensor& t) { return testing::ChannelsLast(t, bfloat16::From); }
std::vector<float> F32(const Tensor& t) {
  return testing::ChannelsLast<float>(t, [](float v) { return v; });
}

// Weights that the transforms divide without a rest.
Input WholeNumbers(const Case& c) {
  Input in = {{c.batch, c.in, c.height, c.width}, {c.batch, c.out, c.height, c.width}, {}, {}};
  in.x.v = Integers(in.x.v.size(), 1, 1);
  in.residual.v = Integers(in.residual.v.size(), 100, 2);
  in.weight = Integers(static_cast<size_t>(c.out * c.in * 9), 1, 3);
  for (double& w : in.weight) w *= 576;
  in.bias = Integers(static_cast<size_t>(c.out), 1000, 4);
  return in;
}

std::vector<float> Packed(const Winograd4& winograd, const std::vector<double>& weight,
                          bool turned) {
  const std::vector<float> master(weight.begin(), weight.end());
  std::vector<float> packed(winograd.packed_bytes() / sizeof(float), kNaN);
  winograd.Pack(master.data(), turned, packed.data());
  return packed;
}

template <class T>
std::vector<T> Convolved(const Winograd4& winograd, const Tensor& x,
                         const std::vector<float>& packed, winograd4::Target target, int64_t size,
                         T nan) {
  const auto values = Bf16(x);
  std::vector<T> y(static_cast<size_t>(size), nan);
  std::vector<float> scratch(winograd.scratch_bytes() / sizeof(float), kNaN);
  target.y = y.data();
  winograd.Run(values.data(), packed.data(), target, scratch.data());
  return y;
}

constexpr Case kCases[] = {{1, 32, 32, 75, 75}, {2, 64, 48, 38, 38}, {3, 48, 40, 19, 21},
                           {5, 16, 5, 10, 11},  {1, 64, 64, 3, 2},   {1, 16, 16, 1, 1}};

class Winograd4Test : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (!HasAvx512()) GTEST_SKIP() << "needs a processor with AVX-512";
  }
};

// Whole numbers are transformed, multiplied and added without rounding: the plain loops' result.
TEST_P(Winograd4Test, IsExactWhereNothingIsRounded) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(::testing::Message()
                 << c.in << " to " << c.out << ", " << c.height << "x" << c.width);
    const Input in = WholeNumbers(c);
    Tensor want = testing::Convolve(in.x, in.weight, in.bias, c.out, {3, 1, 1});
    const winograd4::Map map = {c.batch, c.height, c.width, c.in, c.out};
    const Winograd4 winograd(GetParam(), map);
    const auto packed = Packed(winograd, in.weight, false);
    const std::vector<float> bias(in.bias.begin(), in.bias.end());
    const auto size = static_cast<int64_t>(want.v.size());
    EXPECT_EQ(
        Convolved(winograd, in.x, packed, {nullptr, true, bias.data(), nullptr, false}, size, kNaN),
        F32(want));

    const auto residual = Bf16(in.residual);
    for (size_t i = 0; i < want.v.size(); ++i)
      want.v[i] = std::max(0.0, want.v[i] + in.residual.v[i]);
    const auto got =
        Convolved(winograd, in.x, packed, {nullptr, false, bias.data(), residual.data(), true},
                  size, bfloat16::From(kNaN));
    const auto rounded = Bf16(want);
    ASSERT_EQ(got.size(), rounded.size());
    for (size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i].bits, rounded[i].bits) << i;
  }
}

// The gradient of the input: the convolution of dy with the weights turned, inputs for outputs.
TEST_P(Winograd4Test, TurnedIsTheDataGradient) {
  for (const Case& c : kCases) {
    if (c.out % 16 != 0) continue;
    SCOPED_TRACE(::testing::Message()
                 << c.in << " to " << c.out << ", " << c.height << "x" << c.width);
    const Input in = WholeNumbers(c);
    Tensor dy = in.residual;
    dy.v = Integers(dy.v.size(), 1, 5);
    const Tensor want = testing::ConvolveBackward(in.x, in.weight, dy, {3, 1, 1}).dx;
    const Winograd4 winograd(GetParam(), {c.batch, c.height, c.width, c.out, c.in});
    const auto packed = Packed(winograd, in.weight, true);
    EXPECT_EQ(Convolved(winograd, dy, packed, {nullptr, true, nullptr, nullptr, false},
                        static_cast<int64_t>(want.v.size()), kNaN),
              F32(want));
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, Winograd4Test, ::testing::Values(1, 2, 5));

TEST(Winograd4, IsTheSameForEveryNumberOfThreads) {
  if (!HasAvx512()) GTEST_SKIP() << "needs a processor with AVX-512";
  const Case c = {3, 64, 64, 19, 21};
  Input in = WholeNumbers(c);
  in.x.v = Integers(in.x.v.size(), 127, 6);
  for (double& w : in.weight) w /= 1731;
  const auto run = [&](int threads) {
    const Winograd4 winograd(threads, {c.batch, c.height, c.width, c.in, c.out});
    return Convolved(winograd, in.x, Packed(winograd, in.weight, false),
                     {nullptr, true, nullptr, nullptr, true},
                     static_cast<int64_t>(in.residual.v.size()), kNaN);
  };
  const auto one = run(1);
  for (const int threads : {2, 3, 7}) EXPECT_EQ(run(threads), one) << threads << " threads";
}

}  // namespace
}  // namespace ssd
