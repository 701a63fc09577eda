// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/winograd_kernels.h"

#include <algorithm>

#include "backends/cpu/winograd_transforms.h"

namespace ssd::winograd {

namespace {

// Where a tile lies.
struct Tile {
  int64_t image, top, left;
  Tile(const Map& map, int64_t tile)
      : image(tile / (map.rows() * map.columns())),
        top(tile / map.columns() % map.rows() * 2),
        left(tile % map.columns() * 2) {}
};

// Pixels from (top, left) on, zero outside of the map and beyond the last tile.
template <int kSize>
SSD_BF16_DOT_INLINE void LoadTile(const Map& map, const bfloat16* x, int64_t channels,
                                  int64_t image, int64_t top, int64_t left, V (&d)[kSize][kSize]) {
  for (int i = 0; i < kSize; ++i) {
    for (int j = 0; j < kSize; ++j) {
      const int64_t row = top + i, column = left + j;
      const bool inside =
          image < map.batch && row >= 0 && row < map.height && column >= 0 && column < map.width;
      d[i][j] = inside ? Load(x + ((image * map.height + row) * map.width + column) * channels)
                       : _mm512_setzero_ps();
    }
  }
}

// c [kRows, kChannels] = or += a b over pairs; a's rows and pairs lie row_step and pair_step apart.
template <bool kAdd>
SSD_BF16_DOT_INLINE void Multiply(const Pair* a, int64_t row_step, int64_t pair_step, const Pair* b,
                                  int64_t pairs, float* c, int64_t c_step) {
  V sum[kRows][2];
  for (int64_t i = 0; i < kRows; ++i)
    for (int64_t j = 0; j < 2; ++j)
      sum[i][j] = kAdd ? _mm512_loadu_ps(c + i * c_step + j * kLanes) : _mm512_setzero_ps();
  for (int64_t k = 0; k < pairs; ++k) {
    const __m512i left = _mm512_loadu_si512(b + k * kChannels);
    const __m512i right = _mm512_loadu_si512(b + k * kChannels + kLanes);
#pragma GCC unroll 8
    for (int64_t i = 0; i < kRows; ++i) {
      const __m512i x = _mm512_set1_epi32(static_cast<int>(a[i * row_step + k * pair_step]));
      sum[i][0] = _mm512_dpbf16_ps(sum[i][0], reinterpret_cast<__m512bh>(x),
                                   reinterpret_cast<__m512bh>(left));
      sum[i][1] = _mm512_dpbf16_ps(sum[i][1], reinterpret_cast<__m512bh>(x),
                                   reinterpret_cast<__m512bh>(right));
    }
  }
  for (int64_t i = 0; i < kRows; ++i)
    for (int64_t j = 0; j < 2; ++j) _mm512_storeu_ps(c + i * c_step + j * kLanes, sum[i][j]);
}

// One point lies step after the other.
SSD_BF16_DOT_INLINE void StorePairs(const V (&v)[2][4][4], Pair* to, int64_t step) {
  for (int e = 0; e < kPoints; ++e)
    StorePair(v[0][e / 4][e % 4], v[1][e / 4][e % 4], to + e * step);
}

// Where 16 filters' first weights lie.
SSD_BF16_DOT_INLINE __m512i FilterIndex() {
  return _mm512_set_epi32(135, 126, 117, 108, 99, 90, 81, 72, 63, 54, 45, 36, 27, 18, 9, 0);
}
SSD_BF16_DOT_INLINE V Gather(const float* p) {
  return _mm512_mask_i32gather_ps(_mm512_setzero_ps(), 0xffff, FilterIndex(), p, 4);
}

}  // namespace

SSD_BF16_DOT void TransformWeights(const Map& map, const float* weight, Range panels, Pair* u) {
  const int64_t pairs = map.y_channels / 2, step = map.x_channels / kChannels * pairs * kChannels;
  for (int64_t panel = panels.begin; panel < panels.end; ++panel) {
    for (int64_t k = 0; k < pairs; ++k) {
      for (int64_t c = 0; c < kChannels; c += kLanes) {
        V transformed[2][4][4];
        for (int64_t half = 0; half < 2; ++half) {
          const float* from =
              weight + ((2 * k + half) * map.x_channels + panel * kChannels + c) * 9;
          V g[3][3];
          for (int i = 0; i < 9; ++i) g[2 - i / 3][2 - i % 3] = Gather(from + i);
          TransformFilter(g, transformed[half]);
        }
        StorePairs(transformed, u + (panel * pairs + k) * kChannels + c, step);
      }
    }
  }
}

namespace {

SSD_BF16_DOT void TransformGradient(const Map& map, const bfloat16* dy, int64_t tile, int64_t step,
                                    bfloat16* v) {
  const Tile at(map, tile);
  for (int64_t c = 0; c < map.y_channels; c += kLanes) {
    V d[4][4], transformed[4][4];
    LoadTile(map, dy + c, map.y_channels, at.image, at.top - 1, at.left - 1, d);
    TransformInput(d, transformed);
    for (int e = 0; e < kPoints; ++e) Store(transformed[e / 4][e % 4], v + e * step + c);
  }
}

SSD_BF16_DOT void StoreTile(const Map& map, const float* m, int64_t step, int64_t tile,
                            bfloat16* dx) {
  const Tile at(map, tile);
  for (int64_t c = 0; c < map.x_channels; c += kLanes) {
    V product[4][4], y[2][2];
    for (int e = 0; e < kPoints; ++e) product[e / 4][e % 4] = _mm512_loadu_ps(m + e * step + c);
    TransformOutput(product, y);
    for (int64_t i = 0; i < std::min<int64_t>(2, map.height - at.top); ++i) {
      const int64_t row = (at.image * map.height + at.top + i) * map.width + at.left;
      Store(y[i][0], dx + row * map.x_channels + c);
      if (at.left + 1 < map.width) Store(y[i][1], dx + (row + 1) * map.x_channels + c);
    }
  }
}

}  // namespace

SSD_BF16_DOT void DataGradient(const Map& map, const bfloat16* dy, const Pair* u, Range tiles,
                               int64_t block, bfloat16* v, float* m, bfloat16* dx) {
  const int64_t in = map.y_channels, out = map.x_channels, panels = out / kChannels;
  const int64_t count = tiles.end - tiles.begin, rounded = (count + kRows - 1) / kRows * kRows;
  for (int64_t t = 0; t < rounded; ++t)
    TransformGradient(map, dy, t < count ? tiles.begin + t : map.tiles(), block * in, v + t * in);
  for (int64_t e = 0; e < kPoints; ++e) {
    const auto* a = reinterpret_cast<const Pair*>(v + e * block * in);
    for (int64_t p = 0; p < panels; ++p) {
      const Pair* b = u + (e * panels + p) * (in / 2) * kChannels;
      for (int64_t t = 0; t < rounded; t += kRows)
        Multiply<false>(a + t * in / 2, in / 2, 1, b, in / 2,
                        m + (e * block + t) * out + p * kChannels, out);
    }
  }
  for (int64_t t = 0; t < count; ++t) StoreTile(map, m + t * out, block * out, tiles.begin + t, dx);
}

SSD_BF16_DOT void TransformPairs(const Map& map, const bfloat16* x, const bfloat16* dy,
                                 const PairBlock& block, Range part) {
  for (int64_t k = part.begin; k < part.end; ++k) {
    const Tile tiles[2] = {{map, 2 * (block.first + k)}, {map, 2 * (block.first + k) + 1}};
    V transformed[2][4][4];
    const auto at = [&](Pair* values, int64_t c) {
      return values + (c / kChannels * block.pairs + k) * kChannels + c % kChannels;
    };
    for (int64_t c = 0; c < map.x_channels; c += kLanes) {
      for (int i = 0; i < 2; ++i) {
        V d[4][4];
        LoadTile(map, x + c, map.x_channels, tiles[i].image, tiles[i].top - 1, tiles[i].left - 1,
                 d);
        TransformInput(d, transformed[i]);
      }
      StorePairs(transformed, at(block.x, c), map.x_channels * block.pairs);
    }
    for (int64_t c = 0; c < map.y_channels; c += kLanes) {
      for (int i = 0; i < 2; ++i) {
        V y[2][2];
        LoadTile(map, dy + c, map.y_channels, tiles[i].image, tiles[i].top, tiles[i].left, y);
        TransformOutputGradient(y, transformed[i]);
      }
      StorePairs(transformed, at(block.dy, c), map.y_channels * block.pairs);
    }
  }
}

SSD_BF16_DOT void AddPairs(const Map& map, const PairBlock& block, Range items, bool first,
                           float* m) {
  const int64_t in = map.x_channels, out = map.y_channels, panel = block.pairs * kChannels;
  for (int64_t item = items.begin; item < items.end; ++item) {
    const int64_t e = item / (out / kChannels), o = item % (out / kChannels) * kChannels;
    for (int64_t i = 0; i < in; i += kChannels) {
      const Pair* b = block.x + (e * in + i) * block.pairs;
      for (int64_t row = 0; row < kChannels; row += kRows) {
        const Pair* a = block.dy + item * panel + row;
        float* c = m + (e * out + o + row) * in + i;
        if (first) {
          Multiply<false>(a, 1, kChannels, b, block.pairs, c, in);
        } else {
          Multiply<true>(a, 1, kChannels, b, block.pairs, c, in);
        }
      }
    }
  }
}

SSD_BF16_DOT void WeightGradient(const Map& map, const float* m, Range outputs, float* dweight) {
  const int64_t in = map.x_channels, step = map.y_channels * in;
  for (int64_t o = outputs.begin; o < outputs.end; ++o) {
    for (int64_t c = 0; c < in; c += kLanes) {
      V product[4][4], g[3][3];
      for (int e = 0; e < kPoints; ++e)
        product[e / 4][e % 4] = _mm512_loadu_ps(m + e * step + o * in + c);
      TransformFilterGradient(product, g);
      for (int i = 0; i < 9; ++i)
        _mm512_i32scatter_ps(dweight + (o * in + c) * 9 + i, FilterIndex(), g[i / 3][i % 3], 4);
    }
  }
}

}  // namespace ssd::winograd
