// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace ssd::testing {

// Which of the graphs that do the work of a convolution's neighbours find an engine from here on:
// all, as cuDNN does for most shapes; all but the one that also sums dgamma and dbeta; none.
enum class FusedPlans { kAll, kNoSums, kNone };
void SetFusedPlans(FusedPlans taken);

}  // namespace ssd::testing
