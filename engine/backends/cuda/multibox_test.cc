// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/multibox.h"

#include <cuda_fp16.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "backends/cuda/head_maps.h"
#include "core/philox.h"
#include "testing/emulator/device_vector.h"
#include "testing/multibox_reference.h"

namespace ssd {
namespace {

using testing::DeviceVector;
using testing::MultiboxProblem;
using testing::MultiboxSolution;
using testing::SolveMultibox;

constexpr float kLossScale = 128;

double Normal(Philox& random) {
  return std::sqrt(-2 * std::log(1.0 - random.Uniform())) * std::cos(6.2831853 * random.Uniform());
}

// One in positive_in default boxes is positive; 0: none.
MultiboxProblem RandomProblem(uint64_t id, int64_t batch, double spread, uint32_t positive_in) {
  Philox random(4, Purpose::kSynthetic, 0, id);
  MultiboxProblem p{batch, kDefaultBoxes, kClasses, {}, {}, {}, {}};
  for (int64_t i = 0; i < batch * kDefaultBoxes; ++i) {
    for (int64_t c = 0; c < kClasses; ++c)
      p.score.push_back(static_cast<float>(Normal(random) * spread + (c == 0 ? 4 : 0)));
    const bool positive = positive_in > 0 && random.Below(positive_in) == 0;
    p.label.push_back(positive ? static_cast<int32_t>(1 + random.Below(80)) : 0);
    for (int t = 0; t < 4; ++t) {
      p.offset.push_back(static_cast<float>(Normal(random)));
      p.target.push_back(positive ? static_cast<float>(Normal(random)) : 0);
    }
  }
  return p;
}

// The op on a problem laid out as head maps: padding is NaN on the way in and poison on the way
// out.
class Harness {
 public:
  explicit Harness(const MultiboxProblem& problem)
      : batch_(problem.batch),
        label_(problem.label),
        target_({problem.target.begin(), problem.target.end()}),
        loss_({NAN}) {
    std::vector<float> maps[kMaps];
    HeadMaps<float> host;
    for (int64_t k = 0; k < kMaps; ++k) {
      const int64_t size = batch_ * kMapSize[k] * kMapSize[k] * CudaHeadChannels(kMapShapes[k]);
      maps[k].assign(static_cast<size_t>(size), NAN);
      host.map[k] = maps[k].data();
      gradient_[k].emplace(std::vector<__half>(maps[k].size(), __float2half_rn(NAN)));
      gradients_.map[k] = gradient_[k]->data();
    }
    for (int64_t i = 0; i < batch_ * kDefaultBoxes; ++i) {
      const auto at = PlaceOf(host, i / kDefaultBoxes, static_cast<int32_t>(i % kDefaultBoxes));
      for (int64_t c = 0; c < kClasses; ++c)
        at.score[c] = static_cast<float>(problem.score[i * kClasses + c]);
      for (int64_t t = 0; t < 4; ++t) at.offset[t] = static_cast<float>(problem.offset[i * 4 + t]);
    }
    MultiboxArgs args{};
    for (int64_t k = 0; k < kMaps; ++k) {
      map_[k].emplace(maps[k]);
      args.map[k] = map_[k]->data();
      args.gradient[k] = gradients_.map[k];
    }
    const auto op = MakeCudaMultibox({}, {batch_, kLossScale});
    const DeviceVector<uint64_t> scratch(
        std::vector<uint64_t>(op->scratch() / sizeof(uint64_t) + 1, ~uint64_t{0}));
    args.label = label_.data();
    args.offset = target_.data();
    args.loss = loss_.data();
    args.scratch = scratch.data();
    op->Bind(args);
    op->Run();
  }

  float loss() const { return loss_.Fetch()[0]; }
  HeadPlace<__half> gradient(int64_t i) const {
    return PlaceOf(gradients_, i / kDefaultBoxes, static_cast<int32_t>(i % kDefaultBoxes));
  }
  const DeviceVector<__half>& gradients(int64_t k) const { return *gradient_[k]; }

  // Largest difference of any gradient over the largest gradient.
  double GradientError(const MultiboxSolution& want) const {
    double worst = 0, largest = 0;
    const auto compare = [&](__half got, double wanted) {
      wanted *= kLossScale;
      const double error = std::abs(__half2float(got) - wanted);
      worst = error <= worst ? worst : error;  // NaN counts
      largest = std::max(largest, std::abs(wanted));
    };
    for (int64_t i = 0; i < batch_ * kDefaultBoxes; ++i) {
      const auto at = gradient(i);
      for (int64_t c = 0; c < kClasses; ++c) compare(at.score[c], want.dscore[i * kClasses + c]);
      for (int64_t t = 0; t < 4; ++t) compare(at.offset[t], want.doffset[i * 4 + t]);
    }
    return worst / largest;
  }

 private:
  int64_t batch_;
  DeviceVector<int32_t> label_;
  DeviceVector<float> target_, loss_;
  std::optional<DeviceVector<float>> map_[kMaps];
  std::optional<DeviceVector<__half>> gradient_[kMaps];
  HeadMaps<__half> gradients_;
};

constexpr double kLossError = 1e-6, kGradientError = 5e-4;  // f16 rounds by 2^-11

void ExpectSolved(const MultiboxProblem& p) {
  const MultiboxSolution want = SolveMultibox(p);
  for (const auto& order : testing::kOrders) {
    emulator::SetOrder(order);
    const Harness got(p);
    EXPECT_NEAR(got.loss() / want.loss, 1, kLossError);
    EXPECT_LT(got.GradientError(want), kGradientError);
  }
}

TEST(CudaMultibox, EqualsTheReference) {
  ExpectSolved(RandomProblem(1, 2, 2.0, 150));
  ExpectSolved(RandomProblem(2, 1, 30.0, 1500));
}

// Every third box positive: 3P exceeds the negatives, so all boxes count, each once.
TEST(CudaMultibox, MorePositivesThanAQuarter) { ExpectSolved(RandomProblem(3, 1, 1.0, 3)); }

TEST(CudaMultibox, ImageWithoutPositivesCountsAsZero) {
  MultiboxProblem p = RandomProblem(4, 2, 1.0, 200);
  std::fill(p.label.begin() + kDefaultBoxes, p.label.end(), 0);
  ExpectSolved(p);
}

// The same bits whatever the order of threads.
TEST(CudaMultibox, ResultDoesNotDependOnTheOrder) {
  const MultiboxProblem p = RandomProblem(5, 1, 1.0, 100);
  emulator::SetOrder(testing::kOrders[0]);
  const Harness a(p);
  emulator::SetOrder(testing::kOrders[1]);
  const Harness b(p);
  EXPECT_EQ(a.loss(), b.loss());
  for (int64_t k = 0; k < kMaps; ++k) {
    const auto &x = a.gradients(k), &y = b.gradients(k);
    EXPECT_EQ(std::memcmp(x.Fetch(), y.Fetch(), x.size() * sizeof(__half)), 0);
  }
}

TEST(CudaMultibox, PaddingOfTheGradientIsZero) {
  emulator::SetOrder({});
  const Harness h(RandomProblem(6, 1, 1.0, 100));
  for (int64_t k = 0; k < kMaps; ++k) {
    const int64_t channels = CudaHeadChannels(kMapShapes[k]);
    for (int64_t cell = 0; cell < kMapSize[k] * kMapSize[k]; ++cell) {
      for (int64_t c = 85 * kMapShapes[k]; c < channels; ++c)
        ASSERT_EQ(__half2float(h.gradients(k).Fetch()[cell * channels + c]), 0);
    }
  }
}

// All scores equal: every negative ties, and the lowest indices are taken.
TEST(CudaMultibox, TiesGoToTheLowerIndex) {
  MultiboxProblem p = RandomProblem(7, 1, 0.0, 0);
  p.label[5] = 3;
  p.label[8000] = 7;
  emulator::SetOrder(testing::kOrders[1]);
  const Harness h(p);
  for (int64_t a = 0; a < kDefaultBoxes; ++a) {
    const bool expected = a < 7 || a == 8000;  // 0..6 without 5 are six negatives
    ASSERT_EQ(__half2float(h.gradient(a).score[0]) != 0, expected) << a;
  }
}

// V9: the other 8724 default boxes are background beyond doubt.
TEST(CudaMultibox, WorkedExample) {
  const std::vector<double> ce = {2.0, 0.1, 3.0, 0.5, 4.0, 0.2, 1.5, 0.7};
  MultiboxProblem p = RandomProblem(8, 2, 0.0, 0);
  for (int64_t i = 0; i < 2 * kDefaultBoxes; ++i) p.score[i * kClasses] = 60;
  p.label[2] = 7;
  for (int a = 0; a < 8; ++a) {
    double* score = &p.score[a * kClasses];
    for (int c = 0; c < kClasses; ++c) score[c] = std::log(std::expm1(ce[a]) / 80);
    score[p.label[a]] = 0;
  }
  const double differences[4] = {0.5, -1.0, 2.0, 0.0};
  for (int t = 0; t < 4; ++t) p.offset[2 * 4 + t] = differences[t];
  emulator::SetOrder({});
  EXPECT_NEAR(Harness(p).loss(), 6.3125, 1e-5);
}

TEST(CudaMultibox, BadScoresAndLabelsReachTheLoss) {
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), 0.0}) {
    MultiboxProblem p = RandomProblem(9, 1, 1.0, 100);
    p.label[77] = bad == 0 ? 81 : 0;
    if (bad != 0) p.score[77 * kClasses + 80] = bad;
    emulator::SetOrder({});
    EXPECT_FALSE(std::isfinite(Harness(p).loss())) << bad;
  }
}

}  // namespace
}  // namespace ssd
