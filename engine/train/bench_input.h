// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "backends/backend.h"
#include "data/dataset.h"
#include "engine.pb.h"

namespace ssd {

// Reads batches for about request.seconds, as often through the data set as that takes, and waits
// for the backend if that renders. Fills the rates of the report, and who renders and decodes.
void BenchInput(const BenchRequest& request, DataOptions options, int64_t batch, Backend& backend,
                const std::atomic<bool>& aborted, BenchReport& report);

}  // namespace ssd
