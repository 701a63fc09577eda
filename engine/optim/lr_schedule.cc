// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "optim/lr_schedule.h"

#include <cmath>

namespace ssd {

double LrSchedule::At(int64_t epoch, int64_t iteration) const {
  double lr = base_lr;
  for (const int64_t boundary : decay_epochs)
    if (boundary <= epoch - 1) lr *= decay_factor;
  const int64_t i = (epoch - 1) * steps_per_epoch + iteration;
  if (i < warmup_steps)
    lr -= static_cast<double>(warmup_steps - i) * lr /
          (static_cast<double>(warmup_steps) * std::exp2(warmup_factor));
  return lr;
}

}  // namespace ssd
