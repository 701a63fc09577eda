// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine.pb.h"

namespace ssd {

// The layers of the network for batches of `batch` images. Runs nothing, opens no backend. Throws
// Status::kInvalid for a batch that is none.
BenchReport RooflineOf(int64_t batch);

}  // namespace ssd
