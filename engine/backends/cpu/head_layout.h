// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace ssd {

// Channels of a head map of the CPU backend (Layout::kHead, Layout::kHeadGradient): 85 * shapes
// rounded up to 16, so that every cell starts on a 64-byte line and vectors need no tail. The
// channels past 85 * shapes are zero in gradients and unspecified in outputs.
constexpr int64_t CpuHeadChannels(int64_t shapes) { return (85 * shapes + 15) / 16 * 16; }

}  // namespace ssd
