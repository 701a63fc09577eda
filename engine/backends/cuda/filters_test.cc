// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/filters.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/philox.h"
#include "testing/emulator/device_vector.h"

namespace ssd {
namespace {

using testing::DeviceVector;

std::vector<float> Random(int64_t size, uint64_t id, float low = -1) {
  Philox random(8, Purpose::kSynthetic, 0, id);
  std::vector<float> v(static_cast<size_t>(size));
  for (float& x : v) x = random.Uniform(low, 1);
  return v;
}

constexpr FilterShape kHead = {10, 6, 9, 16, 8}, kFirst = {64, 3, 49, 64, 4};

TEST(CudaFilters, PackAndUnpackAreInverse) {
  for (const auto& order : testing::kOrders) {
    emulator::SetOrder(order);
    for (const FilterShape& s : {kHead, kFirst}) {
      const DeviceVector<float> weight(Random(s.outputs * s.inputs * s.area, 1));
      const DeviceVector<__half> packed(std::vector<__half>(s.padded_size(), __float2half_rn(NAN)));
      const DeviceVector<float> back(std::vector<float>(weight.size(), NAN));
      PackFilter({}, s, weight.data(), nullptr, packed.data());
      UnpackFilterGradient({}, s, packed.data(), back.data());
      const auto halves = packed.Fetch();
      const auto floats = back.Fetch();
      for (size_t i = 0; i < weight.size(); ++i)
        ASSERT_EQ(floats[i], __half2float(__float2half_rn(weight.host()[i]))) << i;
      for (int64_t i = 0; i < s.padded_size(); ++i) {
        const bool padding =
            i % s.padded_inputs >= s.inputs || i / s.padded_inputs / s.area >= s.outputs;
        if (!padding) continue;
        ASSERT_EQ(__half2float(halves[static_cast<size_t>(i)]), 0) << i;
      }
    }
  }
}

// gamma (w x + b - mean) / sqrt(var + eps) + beta
TEST(CudaFilters, FoldANorm) {
  emulator::SetOrder({true, 3});
  const FilterShape s = kHead;
  const DeviceVector<float> weight(Random(s.outputs * s.inputs * s.area, 1));
  const DeviceVector<float> gamma(Random(s.outputs, 2)), beta(Random(s.outputs, 3)),
      mean(Random(s.outputs, 4)), variance(Random(s.outputs, 5, 0.1f)), bias(Random(s.outputs, 6));
  const FoldedNorm fold = {gamma.data(), beta.data(), mean.data(), variance.data(), 1e-5f};
  const DeviceVector<__half> packed(std::vector<__half>(s.padded_size()));
  const DeviceVector<float> packed_bias(std::vector<float>(s.padded_outputs, NAN));
  PackFilter({}, s, weight.data(), &fold, packed.data());
  const auto filter = packed.Fetch();
  for (const float* b :
       {static_cast<const float*>(nullptr), static_cast<const float*>(bias.data())}) {
    PackBias({}, s, b, &fold, packed_bias.data());
    const auto biases = packed_bias.Fetch();
    for (int32_t o = 0; o < s.padded_outputs; ++o) {
      if (o >= s.outputs) {
        ASSERT_EQ(biases[o], 0);
        continue;
      }
      const double factor = gamma.host()[o] / std::sqrt(double{variance.host()[o]} + 1e-5);
      const double offset = (b == nullptr ? 0 : bias.host()[o]) - double{mean.host()[o]};
      ASSERT_NEAR(biases[o], beta.host()[o] + offset * factor, 2e-6);
      for (int32_t i = 0; i < s.inputs * s.area; ++i) {
        const double want = weight.host()[o * s.inputs * s.area + i] * factor;
        const int64_t at = (int64_t{o} * s.area + i % s.area) * s.padded_inputs + i / s.area;
        ASSERT_NEAR(__half2float(filter[at]), want, 0x1p-11 * std::abs(want) + 1e-6);
      }
    }
  }
}

}  // namespace
}  // namespace ssd
