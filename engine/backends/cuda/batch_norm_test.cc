// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/batch_norm.h"

#include <cuda_fp16.h>
#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "core/philox.h"
#include "testing/distance.h"
#include "testing/emulator/device_vector.h"
#include "testing/reference.h"

namespace ssd {
namespace {

using testing::DeviceVector;
using testing::Statistics;
using testing::Tensor;

constexpr float kEps = 1e-5f, kMomentum = 0.9f;

float Rounded(float v) { return __half2float(__float2half_rn(v)); }
std::vector<float> Random(int64_t size, uint64_t id, float low = -1, float high = 1) {
  Philox random(9, Purpose::kSynthetic, 0, id);
  std::vector<float> v(static_cast<size_t>(size));
  for (float& x : v) x = random.Uniform(low, high);
  return v;
}
std::vector<double> Wide(const std::vector<float>& v) { return {v.begin(), v.end()}; }

// Values of f16, channels last in the vector, as a tensor.
Tensor TensorOf(const std::vector<float>& v, int64_t rows, int64_t channels) {
  Tensor t(1, channels, rows, 1);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < channels; ++c) t.at(0, c, r, 0) = v[r * channels + c];
  return t;
}
struct Value {
  Value(int64_t rows, int64_t channels, uint64_t id, float low = -1, float high = 1)
      : host(Random(rows * channels, id, low, high)) {
    std::vector<__half> halves;
    for (float& v : host) halves.push_back(__float2half_rn(v = Rounded(v)));
    device.emplace(halves);
    tensor = TensorOf(host, rows, channels);
  }
  std::vector<float> host;
  std::optional<DeviceVector<__half>> device;
  Tensor tensor;
};

using ssd::Distance;
double Distance(const DeviceVector<__half>& got, const Tensor& want) {
  std::vector<float> v;
  for (const __half h : got.Fetch()) v.push_back(__half2float(h));
  return Distance(TensorOf(v, want.h, want.c).v, want.v);
}
double Distance(const DeviceVector<float>& got, const std::vector<double>& want) {
  const std::vector<float> v = got.Fetch();
  return Distance(std::vector<double>(v.begin(), v.end()), want);
}

constexpr double kValueError = 5e-4;  // f16 rounds by up to 2^-11
constexpr double kSumError = 2e-6;

struct Case {
  int64_t rows, channels;
  bool relu, residual;
};

void CheckTraining(const Case& c) {
  const Value x(c.rows, c.channels, 1, 0.5f, 2), shortcut(c.rows, c.channels, 2);
  const Value dy1(c.rows, c.channels, 3), dy2(c.rows, c.channels, 4);
  const DeviceVector<float> gamma(Random(c.channels, 5)), beta(Random(c.channels, 6));
  const DeviceVector<float> mean(Random(c.channels, 7)), var(Random(c.channels, 8, 0.1f));
  const auto blank = [&] {
    return DeviceVector<__half>(std::vector<__half>(x.host.size(), __float2half_rn(NAN)));
  };
  const DeviceVector<__half> y = blank(), dx = blank(), dresidual = blank();
  const DeviceVector<float> dgamma(std::vector<float>(c.channels, NAN)),
      dbeta(std::vector<float>(c.channels, NAN));

  const auto op = MakeCudaBatchNorm({}, {.x = {1, c.channels, c.rows, 1},
                                         .eps = kEps,
                                         .momentum = kMomentum,
                                         .relu = c.relu,
                                         .residual = c.residual});
  const DeviceVector<uint8_t> saved(std::vector<uint8_t>(op->needs().saved, 0xff));
  const DeviceVector<uint8_t> scratch(std::vector<uint8_t>(op->needs().scratch, 0xff));
  OpArgs args{.x = x.device->data(),
              .y = y.data(),
              .dy = {dy1.device->data(), dy2.device->data()},
              .dx = dx.data(),
              .gamma = gamma.data(),
              .beta = beta.data(),
              .running_mean = mean.data(),
              .running_var = var.data(),
              .dgamma = dgamma.data(),
              .dbeta = dbeta.data(),
              .saved = saved.data(),
              .scratch = scratch.data()};
  if (c.residual) {
    args.residual = shortcut.device->data();
    args.dresidual = dresidual.data();
  }
  op->Bind(args);
  op->Forward();

  const Statistics batch = StatisticsOf(x.tensor);
  Tensor want = Normalise(x.tensor, batch, Wide(gamma.host()), Wide(beta.host()), double{kEps});
  if (c.residual) want = want + shortcut.tensor;
  const Tensor masked_dy =
      c.relu ? ReluGradient(dy1.tensor + dy2.tensor, want) : dy1.tensor + dy2.tensor;
  if (c.relu) want = Relu(want);
  EXPECT_LT(Distance(y, want), kValueError);
  const Statistics next =
      UpdateRunning({Wide(mean.host()), Wide(var.host())}, batch, double{kMomentum}, c.rows);
  EXPECT_LT(Distance(mean, next.mean), kSumError);
  EXPECT_LT(Distance(var, next.variance), kSumError);

  op->Backward();
  const auto gradients = NormaliseBackward(x.tensor, Wide(gamma.host()), masked_dy, double{kEps});
  EXPECT_LT(Distance(dgamma, gradients.dgamma), 1e-5);
  EXPECT_LT(Distance(dbeta, gradients.dbeta), 1e-5);
  EXPECT_LT(Distance(dx, gradients.dx), c.residual ? 2 * kValueError : kValueError);
  if (c.residual) {
    EXPECT_LT(Distance(dresidual, masked_dy), kValueError);
  }
}

TEST(CudaBatchNorm, TrainsAsTheReference) {
  for (const auto& order : testing::kOrders) {
    emulator::SetOrder(order);
    for (const Case& c : {Case{1201, 64, true, false},
                          {700, 64, true, true},
                          {300, 256, false, true},
                          {333, 80, false, false},
                          {2, 2048, true, false},
                          {60001, 8, true, true}}) {
      SCOPED_TRACE(::testing::Message() << c.rows << " rows of " << c.channels);
      CheckTraining(c);
    }
  }
}

TEST(CudaBatchNorm, InferenceUsesRunningStatistics) {
  const int64_t rows = 77, channels = 24;
  for (const auto& order : testing::kOrders) {
    emulator::SetOrder(order);
    const Value x(rows, channels, 1);
    const DeviceVector<float> gamma(Random(channels, 5)), beta(Random(channels, 6));
    const DeviceVector<float> mean(Random(channels, 7)), var(Random(channels, 8, 0.1f));
    const DeviceVector<__half> y(std::vector<__half>(x.host.size(), __float2half_rn(NAN)));
    const auto op = MakeCudaBatchNorm({}, {.x = {1, channels, rows, 1},
                                           .eps = kEps,
                                           .momentum = kMomentum,
                                           .relu = true,
                                           .training = false});
    const DeviceVector<uint8_t> scratch(std::vector<uint8_t>(op->needs().scratch, 0xff));
    OpArgs args;
    args.x = x.device->data();
    args.y = y.data();
    args.gamma = gamma.data();
    args.beta = beta.data();
    args.running_mean = mean.data();
    args.running_var = var.data();
    args.scratch = scratch.data();
    op->Bind(args);
    op->Forward();
    const Tensor want = Relu(Normalise(x.tensor, {Wide(mean.host()), Wide(var.host())},
                                       Wide(gamma.host()), Wide(beta.host()), double{kEps}));
    EXPECT_LT(Distance(y, want), kValueError);
    EXPECT_EQ(mean.Fetch()[3], mean.host()[3]);
  }
}

TEST(CudaBatchNorm, RefusesChannelsThatItsKernelsDoNotTake) {
  for (const int64_t channels : {20, 4096}) {
    try {
      MakeCudaBatchNorm({}, {.x = {1, channels, 4, 4}, .eps = kEps, .momentum = kMomentum});
      FAIL() << "accepted";
    } catch (const Error& e) {
      EXPECT_EQ(e.status(), Status::kInvalid);
    }
  }
}

}  // namespace
}  // namespace ssd
