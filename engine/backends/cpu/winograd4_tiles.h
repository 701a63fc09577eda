// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "backends/cpu/winograd4_kernels.h"
#include "backends/cpu/winograd4_transforms.h"

// What the kernels of F(4x4,3x3) share: tiles, transformed tiles, and the product at a point.
namespace ssd::winograd4 {

using winograd::kLanes;

// Where a tile lies.
struct Tile {
  int64_t image, top, left;
  Tile(const Map& map, int64_t tile)
      : image(tile / (map.rows() * map.columns())),
        top(tile / map.columns() % map.rows() * kTile),
        left(tile % map.columns() * kTile) {}
};

// The pixels of a map from a tile's first output, or shift rows and columns beside it, on.
template <int kSize>
class Pixels {
 public:
  Pixels(const Map& map, int64_t channels, const Tile& tile, int64_t shift,
         const bfloat16* values) {
    for (int i = 0; i < kSize; ++i) {
      for (int j = 0; j < kSize; ++j) {
        const int64_t row = tile.top + shift + i, column = tile.left + shift + j;
        const bool inside = tile.image < map.batch && row >= 0 && row < map.height && column >= 0 &&
                            column < map.width;
        const int64_t pixel = (tile.image * map.height + row) * map.width + column;
        at_[i][j] = inside ? values + pixel * channels : nullptr;
      }
    }
  }
  // Channels from c on; zero outside of the map.
  SSD_AVX512 __attribute__((always_inline)) void Load(int64_t c, V (&d)[kSize][kSize]) const {
    for (int i = 0; i < kSize; ++i)
      for (int j = 0; j < kSize; ++j)
        d[i][j] = at_[i][j] != nullptr ? winograd::Load(at_[i][j] + c) : Splat(0);
  }

 private:
  const bfloat16* at_[kSize][kSize];
};

// A transformed tile: one point lies step after the other.
SSD_AVX512_INLINE void StorePoints(const V (&v)[6][6], float* to, int64_t step) {
  for (int e = 0; e < kPoints; ++e) _mm512_storeu_ps(to + e * step, v[e / 6][e % 6]);
}
SSD_AVX512_INLINE void LoadPoints(const float* from, int64_t step, V (&m)[6][6]) {
  for (int e = 0; e < kPoints; ++e) m[e / 6][e % 6] = _mm512_loadu_ps(from + e * step);
}

// c [rows, kChannels] = or += a [rows, depth] b [depth, kChannels]; a's rows and columns lie
// row_step and depth_step apart.
template <int64_t kCount, bool kAdd>
SSD_AVX512_INLINE void Multiply(const float* a, int64_t row_step, int64_t depth_step,
                                const float* b, int64_t depth, float* c, int64_t c_step) {
  V sum[kCount][2];
  for (int64_t i = 0; i < kCount; ++i)
    for (int64_t j = 0; j < 2; ++j)
      sum[i][j] = kAdd ? _mm512_loadu_ps(c + i * c_step + j * kLanes) : Splat(0);
  for (int64_t k = 0; k < depth; ++k) {
    const V left = _mm512_loadu_ps(b + k * kChannels);
    const V right = _mm512_loadu_ps(b + k * kChannels + kLanes);
#pragma GCC unroll 12
    for (int64_t i = 0; i < kCount; ++i) {
      const V value = Splat(a[i * row_step + k * depth_step]);
      sum[i][0] = _mm512_fmadd_ps(value, left, sum[i][0]);
      sum[i][1] = _mm512_fmadd_ps(value, right, sum[i][1]);
    }
  }
  for (int64_t i = 0; i < kCount; ++i)
    for (int64_t j = 0; j < 2; ++j) _mm512_storeu_ps(c + i * c_step + j * kLanes, sum[i][j]);
}

}  // namespace ssd::winograd4
