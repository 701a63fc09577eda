// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/elementwise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/philox.h"
#include "testing/emulator/device_vector.h"
#include "testing/reference.h"

namespace ssd {
namespace {

using testing::DeviceVector;

std::vector<float> Random(int64_t size, uint64_t id) {
  Philox random(3, Purpose::kSynthetic, 0, id);
  std::vector<float> v(static_cast<size_t>(size));
  for (float& x : v) x = random.Uniform(-1, 1);
  return v;
}

std::vector<__half> Halves(const std::vector<float>& v) {
  std::vector<__half> h(v.size());
  for (size_t i = 0; i < v.size(); ++i) h[i] = __float2half_rn(v[i]);
  return h;
}

constexpr SgdRates kRates = {0.25f, 0.875f, 0.125f, 128};

// A parameter in all its forms, and the oracle's step of it.
struct Parameter {
  Parameter(int32_t o, int32_t i, int32_t a, int32_t p, bool half_gradient, uint64_t id)
      : outer(o),
        inner(i),
        area(a),
        padded(p),
        w(Random(o * i * a, id)),
        m(Random(o * i * a, id + 1)),
        gradient(Random(o * i * a, id + 2)),
        filter_gradient(Halves(Random(o * a * p, id + 2))),
        filter(Halves(std::vector<float>(static_cast<size_t>(o * a * p), 7.0f))),
        half(half_gradient) {
    std::vector<double> g(gradient.host().begin(), gradient.host().end());
    for (size_t e = 0; half && e < g.size(); ++e)
      g[e] = __half2float(filter_gradient.host()[FilterAt(e)]);
    want =
        testing::SgdStep({{w.host().begin(), w.host().end()}, {m.host().begin(), m.host().end()}},
                         g, kRates.lr, kRates.momentum, kRates.decay, kRates.loss_scale);
  }

  // [outer][inner][area] to [outer][area][padded].
  size_t FilterAt(size_t e) const {
    const size_t pair = e / area;
    return (pair / inner * area + e % area) * padded + pair % inner;
  }
  SgdSegment segment() {
    return {w.data(),
            m.data(),
            half ? nullptr : gradient.data(),
            half ? filter_gradient.data() : nullptr,
            half ? filter.data() : nullptr,
            outer,
            inner,
            area,
            padded};
  }
  void Expect() {
    const auto weights = w.Fetch(), momenta = m.Fetch();
    const auto halves = filter.Fetch();
    double worst = 0;
    for (size_t e = 0; e < want.w.size(); ++e) {
      worst = std::max(worst, std::abs(weights[e] - want.w[e]));
      worst = std::max(worst, std::abs(momenta[e] - want.m[e]));
      if (!half) continue;
      ASSERT_EQ(__half2float(halves[FilterAt(e)]), __half2float(__float2half_rn(weights[e])));
    }
    EXPECT_LT(worst, 2e-7);
  }

  int32_t outer, inner, area, padded;
  DeviceVector<float> w, m, gradient;
  DeviceVector<__half> filter_gradient, filter;
  bool half;
  testing::SgdState want;
};

TEST(CudaElementwise, SgdFollowsTheSpecification) {
  for (const auto& order : testing::kOrders) {
    emulator::SetOrder(order);
    Parameter bias(1, 37, 1, 37, false, 10), first(64, 3, 49, 4, true, 20),
        filter(33, 40, 9, 40, true, 30), shortcut(16, 100, 1, 100, true, 40);
    CudaSgd sgd({}, {bias.segment(), first.segment(), filter.segment(), shortcut.segment()});
    sgd.SetRates(kRates);
    sgd.Run();
    for (Parameter* p : {&bias, &first, &filter, &shortcut}) p->Expect();
    // The fourth channel of the first filter is padding.
    EXPECT_EQ(__half2float(first.filter.Fetch()[3]), 7);
  }
}

TEST(CudaElementwise, AWrongPaddingIsFound) {
  emulator::SetOrder({});
  Parameter first(64, 3, 49, 4, true, 20);
  SgdSegment wrong = first.segment();
  wrong.padded = 3;
  CudaSgd sgd({}, {wrong});
  sgd.SetRates(kRates);
  sgd.Run();
  const auto weights = first.w.Fetch();
  double worst = 0;
  for (size_t e = 0; e < first.want.w.size(); ++e)
    worst = std::max(worst, std::abs(weights[e] - first.want.w[e]));
  EXPECT_GT(worst, 1e-4);
}

TEST(CudaElementwise, SumsGradientsAndMasksThem) {
  const int64_t size = 3000;
  for (const auto& order : testing::kOrders) {
    emulator::SetOrder(order);
    const DeviceVector<__half> a(Halves(Random(size, 1))), b(Halves(Random(size, 2)));
    DeviceVector<__half> y(Halves(Random(size, 3))), out(Halves(Random(size, 4)));
    SumGradient({}, {a.data(), b.data()}, y.data(), size, out.data());
    auto sums = out.Fetch();
    for (int64_t i = 0; i < size; ++i) {
      const double sum = __half2float(a.host()[i]) + __half2float(b.host()[i]);
      const double want = __half2float(y.host()[i]) > 0 ? sum : 0;
      ASSERT_NEAR(__half2float(sums[i]), want, 0x1p-11 * std::abs(want)) << i;
    }
    SumGradient({}, {y.data()}, nullptr, size, out.data());
    sums = out.Fetch();
    for (int64_t i = 0; i < size; ++i) ASSERT_EQ(__half2float(sums[i]), __half2float(y.host()[i]));
  }
}

}  // namespace
}  // namespace ssd
