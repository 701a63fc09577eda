// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace ssd {

// Learning rate (spec section 6): warm-up from near zero (factor 0) to base_lr in warmup_steps,
// then times decay_factor after each boundary.
struct LrSchedule {
  double base_lr;        // lr0, scaled by the global batch
  int64_t warmup_steps;  // W; 0 = none
  int warmup_factor;
  std::vector<int64_t> decay_epochs;
  double decay_factor;
  int64_t steps_per_epoch;  // ceil(samples / global batch)

  // Rate of iteration `iteration` (from 1) of `epoch` (from 1). The warm-up counts from
  // (epoch - 1) steps_per_epoch, so it may skip numbers where an epoch is a step shorter.
  double At(int64_t epoch, int64_t iteration) const;
};

}  // namespace ssd
