// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/max_pool.h"

#include <cuda_fp16.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "core/philox.h"
#include "testing/emulator/device_vector.h"
#include "testing/error_of.h"
#include "testing/reference.h"

namespace ssd {
namespace {

using testing::DeviceVector;
using testing::Tensor;
using testing::Window;

// Of few different values, so that windows tie.
Tensor Random(int64_t n, int64_t c, int64_t h, int64_t w, uint64_t id) {
  Philox random(6, Purpose::kSynthetic, 0, id);
  Tensor t(n, c, h, w);
  for (double& v : t.v) v = static_cast<double>(random.Below(9)) / 4 - 1;
  return t;
}

// Channels last.
size_t At(const Tensor& t, int64_t n, int64_t c, int64_t y, int64_t x) {
  return static_cast<size_t>(((n * t.h + y) * t.w + x) * t.c + c);
}
template <class Visit>
void ForEach(const Tensor& t, const Visit& visit) {
  for (int64_t n = 0; n < t.n; ++n)
    for (int64_t c = 0; c < t.c; ++c)
      for (int64_t y = 0; y < t.h; ++y)
        for (int64_t x = 0; x < t.w; ++x) visit(At(t, n, c, y, x), t.at(n, c, y, x));
}
std::vector<__half> Put(const Tensor& t) {
  std::vector<__half> v(t.v.size());
  ForEach(t, [&](size_t i, double value) { v[i] = __float2half_rn(static_cast<float>(value)); });
  return v;
}
DeviceVector<__half> Blank(const Tensor& t) {
  return DeviceVector<__half>(std::vector<__half>(t.v.size(), __float2half_rn(NAN)));
}
double Worst(const DeviceVector<__half>& got, const Tensor& want) {
  const auto values = got.Fetch();
  double worst = 0;
  ForEach(want, [&](size_t i, double value) {
    const double error = std::abs(__half2float(values[i]) - value);
    worst = error <= worst ? worst : error;  // NaN counts
  });
  return worst;
}

struct Errors {
  double y, dx;
};
// The op, told that its input is as wide as `width` says, against the plain loops.
Errors Try(const Tensor& x, const Window& window, int64_t width) {
  const Tensor y = MaxPool(x, window);
  const Tensor dy1 = Random(y.n, y.c, y.h, y.w, 2), dy2 = Random(y.n, y.c, y.h, y.w, 3);
  const Tensor dx = MaxPoolBackward(x, dy1 + dy2, window);
  const auto op = MakeCudaMaxPool({}, {.x = {x.n, x.c, x.h, width},
                                       .y = {y.n, y.c, y.h, y.w},
                                       .kernel = window.kernel,
                                       .stride = window.stride,
                                       .pad = window.pad});
  const DeviceVector<__half> x_data(Put(x)), dy1_data(Put(dy1)), dy2_data(Put(dy2));
  const DeviceVector<__half> y_data = Blank(y), dx_data = Blank(dx);
  const DeviceVector<uint8_t> saved(std::vector<uint8_t>(op->needs().saved, 0xff));
  op->Bind({.x = x_data.data(),
            .y = y_data.data(),
            .dy = {dy1_data.data(), dy2_data.data()},
            .dx = dx_data.data(),
            .saved = saved.data()});
  op->Forward();
  op->Backward();
  return {Worst(y_data, y), Worst(dx_data, dx)};
}

// Quarters up to 2: every sum is exact in f16.
TEST(CudaMaxPool, EqualsTheReference) {
  for (const auto& order : testing::kOrders) {
    emulator::SetOrder(order);
    for (const auto& [window, h, w] : {std::tuple{Window{3, 2, 1}, 10, 10},
                                       {Window{3, 2, 1}, 9, 7},
                                       {Window{2, 2, 0}, 8, 6},
                                       {Window{5, 1, 2}, 5, 8},
                                       {Window{3, 3, 0}, 11, 10},
                                       {Window{2, 3, 0}, 11, 10}}) {
      const Errors e = Try(Random(2, 16, h, w, 1), window, w);
      EXPECT_EQ(e.y, 0) << window.kernel << "/" << window.stride << " of " << h << "x" << w;
      EXPECT_EQ(e.dx, 0) << window.kernel << "/" << window.stride << " of " << h << "x" << w;
    }
  }
}

// The check itself: a shape one column too narrow must not pass.
TEST(CudaMaxPool, AWrongShapeIsFound) {
  emulator::SetOrder({});
  const Errors e = Try(Random(2, 16, 9, 8, 1), {3, 2, 1}, 7);
  EXPECT_FALSE(e.y == 0);
  EXPECT_FALSE(e.dx == 0);  // NaN where nothing was written
}

TEST(CudaMaxPool, RefusesWhatItsKernelsDoNotTake) {
  const ValueDesc x = {1, 20, 4, 4}, y = {1, 20, 2, 2};
  const std::string error = ErrorOf(Status::kInvalid, [&] {
    MakeCudaMaxPool({}, {.x = x, .y = y, .kernel = 2, .stride = 2, .pad = 0});
  });
  EXPECT_NE(error.find("20 channels"), std::string::npos) << error;
}

}  // namespace
}  // namespace ssd
