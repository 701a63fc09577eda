// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "backends/backend.h"

namespace ssd::testing {

// Convolutions and BatchNorms by the loops of reference.h on f32 values, everything that
// Backend::fuses promises included; the rest by the backend given, which must be an f32 one whose
// memory is the host's. asked, if given, must outlive the backend.
struct Asked {
  std::vector<ConvDesc> convs;  // in the order of MakeConv
  std::vector<BatchNormDesc> norms;
};
std::unique_ptr<Backend> MakePlainBackend(std::unique_ptr<Backend> rest, Asked* asked = nullptr);

}  // namespace ssd::testing
