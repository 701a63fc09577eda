// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace ssd {

// Channels of a head map of the CUDA backend (Layout::kHead, Layout::kHeadGradient): 344 and 512,
// multiples of 8 as tensor cores want them (spec section 4).
constexpr int64_t CudaHeadChannels(int64_t shapes) { return (85 * shapes + 7) / 8 * 8; }

}  // namespace ssd
