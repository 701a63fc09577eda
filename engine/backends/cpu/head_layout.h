// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace ssd {

// Channels of a head map of the CPU backend (Layout::kHead, Layout::kHeadGradient). No padding:
// oneDNN's convolutions take 340 and 510 channels at the speed of 352 and 512 (measured on Zen 4).
constexpr int64_t CpuHeadChannels(int64_t shapes) { return 85 * shapes; }

}  // namespace ssd
