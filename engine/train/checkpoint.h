// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "model/parameters.h"

namespace ssd {

// How far a run is. The order of the samples follows from it: step x batch samples were read.
struct TrainPosition {
  int64_t epoch = 0;      // the current one, from 1; 0 before the first
  int64_t iteration = 0;  // done of this epoch
  int64_t step = 0;       // done since the first epoch began
};

// What must be the same for a run to go on bit-identically.
struct RunIdentity {
  uint64_t seed;
  int64_t batch;  // of a rank
  std::string precision;
  int ranks = 1;
};

// A checkpoint is a safetensors file: weights, running statistics, "momentum.<param>", and in the
// metadata format, epoch, iteration, step, samples, seed, batch, precision, ranks, checksum.
// Written atomically.
void SaveCheckpoint(const std::string& path, const Parameters& parameters,
                    const TrainPosition& position, const RunIdentity& identity);
// Throws Status::kData on a damaged file, Status::kInvalid when it belongs to another run.
TrainPosition LoadCheckpoint(const std::string& path, const RunIdentity& identity,
                             Parameters& parameters);

}  // namespace ssd
