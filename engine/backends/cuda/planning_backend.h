// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "backends/backend.h"
#include "backends/cuda/plan.h"

namespace ssd {

// The CUDA backend as far as it goes without a card: ops are made, with all their plans, and bound
// to memory that nobody touches; they cannot run. spans: as it is over a span of ranks. target must
// outlive it.
std::unique_ptr<Backend> OpenPlanningBackend(PlanTarget& target, bool spans = false);

}  // namespace ssd
