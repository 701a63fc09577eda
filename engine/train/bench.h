// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "engine.pb.h"

namespace ssd {

// Measures one part on synthetic input, or the input pipeline on a real data set. Opens its own
// backend. Checks aborted between steps.
BenchReport RunBench(const EngineConfig& config, const BenchRequest& request,
                     const std::atomic<bool>& aborted);

}  // namespace ssd
