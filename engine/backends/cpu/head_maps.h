// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "backends/backend.h"
#include "backends/cpu/head_layout.h"

namespace ssd {

constexpr int64_t HeadCells(int64_t map) { return kMapSize[map] * kMapSize[map]; }

// The four predicted offsets of a default box of an image.
inline const float* HeadOffsets(const std::array<const float*, kMaps>& maps, int64_t image,
                                int64_t box) {
  int64_t k = kMaps - 1;
  while (box < kMapFirst[k]) --k;
  const int64_t shapes = kMapShapes[k], local = box - kMapFirst[k];
  const int64_t cell = image * HeadCells(k) + local / shapes;
  return maps[k] + cell * CpuHeadChannels(shapes) + kClasses * shapes + local % shapes * 4;
}

}  // namespace ssd
