// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "engine.pb.h"
#include "train/ranks.h"

namespace ssd {

// Measures one part on synthetic input, or the input pipeline on a real data set. Opens its own
// backend. Checks aborted between steps. Training needs the same call on all ranks.
BenchReport RunBench(const EngineConfig& config, const BenchRequest& request, Ranks& ranks,
                     const std::atomic<bool>& aborted);

}  // namespace ssd
