// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/winograd4_tiles.h"

// The gradient of the weights: dg = G^T [sum over tiles of (A dy A^T) . (B^T d B)] G.
namespace ssd::winograd4 {

namespace {

constexpr int64_t kOutputs = 8;  // the rows of a product; 32 outputs are four of them

}  // namespace

SSD_AVX512 void TransformBlock(const Map& map, const bfloat16* x, const bfloat16* dy,
                               const TileBlock& block, Range part) {
  for (int64_t k = part.begin; k < part.end; ++k) {
    const Tile tile(map, block.first + k);
    const auto at = [&](float* values, int64_t c) {
      return values + (c / kChannels * block.tiles + k) * kChannels + c % kChannels;
    };
    V transformed[6][6];
    const Pixels<6> window(map, map.in, tile, -1, x);
    for (int64_t c = 0; c < map.in; c += kLanes) {
      V d[6][6];
      window.Load(c, d);
      Square<Input>(d, transformed);
      StorePoints(transformed, at(block.x, c), map.in * block.tiles);
    }
    const Pixels<kTile> gradient(map, map.out, tile, 0, dy);
    for (int64_t c = 0; c < map.out; c += kLanes) {
      V y[kTile][kTile];
      gradient.Load(c, y);
      Square<OutputGradient>(y, transformed);
      StorePoints(transformed, at(block.dy, c), map.out * block.tiles);
    }
  }
}

SSD_AVX512 void AddBlock(const Map& map, const TileBlock& block, Range items, bool first,
                         float* sum) {
  const int64_t panels = map.out / kChannels, panel = block.tiles * kChannels;
  for (int64_t item = items.begin; item < items.end; ++item) {
    const int64_t e = item / panels, o = item % panels * kChannels;
    for (int64_t i = 0; i < map.in; i += kChannels) {
      const float* b = block.x + (e * map.in + i) * block.tiles;
      for (int64_t row = 0; row < kChannels; row += kOutputs) {
        const float* a = block.dy + item * panel + row;
        float* c = sum + (e * map.out + o + row) * map.in + i;
        if (first) {
          Multiply<kOutputs, false>(a, 1, kChannels, b, block.tiles, c, map.in);
        } else {
          Multiply<kOutputs, true>(a, 1, kChannels, b, block.tiles, c, map.in);
        }
      }
    }
  }
}

SSD_AVX512 void WeightGradient(const Map& map, const float* sum, Range outputs, float* dweight) {
  const __m512i taps =
      _mm512_set_epi32(135, 126, 117, 108, 99, 90, 81, 72, 63, 54, 45, 36, 27, 18, 9, 0);
  for (int64_t o = outputs.begin; o < outputs.end; ++o) {
    for (int64_t c = 0; c < map.in; c += kLanes) {
      V product[6][6], g[3][3];
      LoadPoints(sum + o * map.in + c, map.out * map.in, product);
      Square<FilterGradient>(product, g);
      for (int i = 0; i < 9; ++i)
        _mm512_i32scatter_ps(dweight + (o * map.in + c) * 9 + i, taps, g[i / 3][i % 3],
                             sizeof(float));
    }
  }
}

}  // namespace ssd::winograd4
