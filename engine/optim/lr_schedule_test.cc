// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "optim/lr_schedule.h"

#include <gtest/gtest.h>

namespace ssd {
namespace {

constexpr int64_t kSamples = 117266;

struct Set {
  double base_lr;
  int64_t batch, warmup_steps, first_decay, second_decay;
  double first, second, before_last;  // lr(1), lr(2), lr(W-1)
};
// Vector V2.
constexpr Set kSets[] = {
    {0.04498725, 456, 771, 44, 55, 5.834922e-5, 1.1669844e-4, 0.0449289008},
    {0.0899745, 912, 642, 44, 55, 1.401472e-4, 2.802944e-4, 0.0898343528},
    {0.192, 1536, 1145, 48, 60, 1.676856e-4, 3.353712e-4, 0.1918323144},
    {0.384, 3072, 1336, 68, 85, 2.874251e-4, 5.748503e-4, 0.3837125749},
};

LrSchedule Make(const Set& s, int factor) {
  return {s.base_lr, s.warmup_steps,
          factor,    {s.first_decay, s.second_decay},
          0.1,       (kSamples + s.batch - 1) / s.batch};
}

TEST(LrSchedule, SetsOfTheRound) {
  for (const Set& s : kSets) {
    const LrSchedule lr = Make(s, 0);
    const int64_t e = lr.steps_per_epoch;
    const auto at = [&](int64_t i) { return lr.At((i - 1) / e + 1, (i - 1) % e + 1); };
    EXPECT_NEAR(at(1), s.first, 1e-6 * s.first);
    EXPECT_NEAR(at(2), s.second, 1e-6 * s.second);
    EXPECT_NEAR(at(s.warmup_steps - 1), s.before_last, 1e-9);
    EXPECT_EQ(at(s.warmup_steps), s.base_lr);
    EXPECT_EQ(lr.At(s.first_decay, 1), s.base_lr);
    EXPECT_DOUBLE_EQ(lr.At(s.first_decay + 1, 1), s.base_lr / 10);
    EXPECT_DOUBLE_EQ(lr.At(s.second_decay, 1), s.base_lr / 10);
    EXPECT_NEAR(lr.At(s.second_decay + 1, 1), s.base_lr / 100, 1e-15);
  }
}

TEST(LrSchedule, PublicLog) {
  const LrSchedule lr = Make(kSets[0], 0);
  EXPECT_NEAR(lr.At(1, 258), 0.015054099221789883, 1e-17);
  EXPECT_NEAR(lr.At(2, 257), 0.03004984922178988, 1e-16);
  EXPECT_EQ(lr.At(3, 257), 0.04498725);
  // Epoch 3 starts at 2 * 258 + 1 = 517, though epoch 2 ended at 515.
  EXPECT_NEAR(lr.At(3, 1), 0.04498725 * 517 / 771, 1e-15);
}

TEST(LrSchedule, FactorOneStartsAtHalf) {
  EXPECT_NEAR(Make(kSets[0], 1).At(1, 1), 0.0225227996, 1e-10);
}

TEST(LrSchedule, NoWarmUp) {
  LrSchedule lr = Make(kSets[0], 0);
  lr.warmup_steps = 0;
  EXPECT_EQ(lr.At(1, 1), 0.04498725);
}

}  // namespace
}  // namespace ssd
