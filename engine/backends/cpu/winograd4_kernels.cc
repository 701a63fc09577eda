// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/winograd4_kernels.h"

#include <algorithm>

#include "backends/cpu/winograd4_tiles.h"

namespace ssd::winograd4 {

namespace {

using winograd::kLanes;

// Lanes of outputs from c on.
SSD_AVX512_INLINE __mmask16 Lanes(const Map& map, int64_t c) {
  const int64_t left = std::clamp<int64_t>(map.out - c, 0, kLanes);
  return static_cast<__mmask16>((1u << left) - 1);
}

SSD_AVX512 void TransformWindow(const Map& map, const bfloat16* x, int64_t tile, int64_t step,
                                float* v) {
  const Pixels<6> pixels(map, map.in, Tile(map, tile), -1, x);
  for (int64_t c = 0; c < map.in; c += kLanes) {
    V d[6][6], transformed[6][6];
    pixels.Load(c, d);
    Square<Input>(d, transformed);
    StorePoints(transformed, v + c, step);
  }
}

SSD_AVX512_INLINE void StorePixel(const Target& target, V sum, V bias, __mmask16 lanes,
                                  int64_t at) {
  V y = sum + bias;
  if (target.residual != nullptr) {
    const __m256i half = _mm256_maskz_loadu_epi16(lanes, target.residual + at);
    y += reinterpret_cast<V>(winograd::Widen(reinterpret_cast<winograd::Halves>(half)) << 16);
  }
  if (target.relu) y = y < Splat(0) ? Splat(0) : y;  // NaN stays
  if (target.f32) {
    _mm512_mask_storeu_ps(static_cast<float*>(target.y) + at, lanes, y);
  } else {
    _mm256_mask_storeu_epi16(static_cast<bfloat16*>(target.y) + at, lanes,
                             reinterpret_cast<__m256i>(winograd::Round(y)));
  }
}

SSD_AVX512 void StoreTile(const Map& map, const float* m, int64_t step, int64_t tile,
                          const Target& target) {
  const Tile at(map, tile);
  const int64_t rows = std::min(kTile, map.height - at.top);
  const int64_t columns = std::min(kTile, map.width - at.left);
  for (int64_t c = 0; c < map.out; c += kLanes) {
    const __mmask16 lanes = Lanes(map, c);
    const V bias =
        target.bias != nullptr ? _mm512_maskz_loadu_ps(lanes, target.bias + c) : Splat(0);
    V product[6][6], y[kTile][kTile];
    LoadPoints(m + c, step, product);
    Square<Output>(product, y);
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t row = (at.image * map.height + at.top + i) * map.width + at.left;
      for (int64_t j = 0; j < columns; ++j)
        StorePixel(target, y[i][j], bias, lanes, (row + j) * map.out + c);
    }
  }
}

}  // namespace

SSD_AVX512 void TransformWeights(const Map& map, const float* weight, bool turned, Range panels,
                                 float* u) {
  const int64_t point = map.panels() * map.in * kChannels;
  const int64_t out_step = turned ? 9 : map.in * 9, in_step = turned ? map.out * 9 : 9;
  const __m512i index =
      _mm512_mullo_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                         _mm512_set1_epi32(static_cast<int>(out_step)));
  for (int64_t panel = panels.begin; panel < panels.end; ++panel) {
    for (int64_t k = 0; k < map.in; ++k) {
      for (int64_t c = 0; c < kChannels; c += kLanes) {
        const int64_t first = panel * kChannels + c;
        const float* from = weight + first * out_step + k * in_step;
        V g[3][3], transformed[6][6];
        for (int i = 0; i < 9; ++i) {
          const int tap = turned ? 8 - i : i;
          g[i / 3][i % 3] = _mm512_mask_i32gather_ps(Splat(0), Lanes(map, first), index, from + tap,
                                                     sizeof(float));
        }
        Square<Filter>(g, transformed);
        StorePoints(transformed, u + (panel * map.in + k) * kChannels + c, point);
      }
    }
  }
}

SSD_AVX512 void Convolve(const Map& map, const bfloat16* x, const float* u, Range tiles,
                         int64_t block, float* v, float* m, const Target& target) {
  const int64_t count = tiles.end - tiles.begin, rounded = (count + kRows - 1) / kRows * kRows;
  const int64_t in_step = map.in_step(), out_step = map.out_step();
  // The rows beyond the last tile are made, of it, and not stored.
  for (int64_t t = 0; t < rounded; ++t)
    TransformWindow(map, x, std::min(tiles.begin + t, tiles.end - 1), block * in_step,
                    v + t * in_step);
  for (int64_t e = 0; e < kPoints; ++e) {
    const float* a = v + e * block * in_step;
    for (int64_t p = 0; p < map.panels(); ++p) {
      const float* b = u + (e * map.panels() + p) * map.in * kChannels;
      for (int64_t t = 0; t < rounded; t += kRows)
        Multiply<kRows, false>(a + t * in_step, in_step, 1, b, map.in,
                               m + (e * block + t) * out_step + p * kChannels, out_step);
    }
  }
  for (int64_t t = 0; t < count; ++t)
    StoreTile(map, m + t * out_step, block * out_step, tiles.begin + t, target);
}

}  // namespace ssd::winograd4
