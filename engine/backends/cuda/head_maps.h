// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "backends/backend.h"
#include "backends/cuda/head_layout.h"

namespace ssd {

// The six maps of a batch, as a kernel takes them.
template <class T>
struct HeadMaps {
  T* map[kMaps];
};

// Where a default box of an image lies in its map: 81 scores, 4 offsets.
template <class T>
struct HeadPlace {
  T* score;
  T* offset;
};

template <int kMap = 0, class T>
__host__ __device__ __forceinline__ HeadPlace<T> PlaceOf(const HeadMaps<T>& maps, int64_t image,
                                                         int32_t box) {
  if constexpr (kMap + 1 < kMaps) {
    constexpr int32_t next = static_cast<int32_t>(kMapFirst[kMap + 1]);
    if (box >= next) return PlaceOf<kMap + 1>(maps, image, box);
  }
  constexpr int32_t first = static_cast<int32_t>(kMapFirst[kMap]);
  constexpr int32_t shapes = static_cast<int32_t>(kMapShapes[kMap]);
  constexpr int64_t cells = kMapSize[kMap] * kMapSize[kMap];
  constexpr int64_t channels = CudaHeadChannels(kMapShapes[kMap]);
  const int32_t local = box - first, shape = local % shapes;
  T* cell = maps.map[kMap] + (image * cells + local / shapes) * channels;
  return {cell + shape * kClasses, cell + kClasses * shapes + shape * 4};
}

}  // namespace ssd
