// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "backends/cpu/context.h"
#include "core/bfloat16.h"

// Parts of the gradients of a 3x3 convolution of stride 1 and pad 1 by Winograd's F(2x2,3x3): a map
// is cut into tiles of 2x2 outputs, each with its 4x4 inputs; at the 16 points of a transformed
// tile a convolution is one product of matrices. Values are channels last, channels a multiple
// of 32. Transformed values are bf16, sums f32, in an order that does not depend on how tiles are
// shared out. All are single-threaded and need AVX-512 with bf16.
namespace ssd::winograd {

inline constexpr int64_t kPoints = 16;
inline constexpr int64_t kChannels = 32;  // a panel: the columns of a product made at once
inline constexpr int64_t kRows = 8;       // the rows

// What two bf16 that are multiplied and added together share: the first in the lower half.
using Pair = uint32_t;

struct Map {
  int64_t batch, height, width;
  int64_t x_channels, y_channels;  // I, O

  int64_t rows() const { return (height + 1) / 2; }
  int64_t columns() const { return (width + 1) / 2; }
  int64_t tiles() const { return batch * rows() * columns(); }
};

// Panels [panels) of I / kChannels of u [kPoints, I / kChannels, O / 2, kChannels], from weight
// [O, I, 3, 3] turned by 180 degrees.
void TransformWeights(const Map& map, const float* weight, Range panels, Pair* u);

// dx of tiles [tiles), at most block of them, a multiple of kRows. v: bf16 [kPoints, block, O]; m:
// f32 [kPoints, block, I].
void DataGradient(const Map& map, const bfloat16* dy, const Pair* u, Range tiles, int64_t block,
                  bfloat16* v, float* m, bfloat16* dx);

// A block of pairs of tiles, transformed: x [kPoints, I / kChannels, pairs, kChannels] and dy
// [kPoints, O / kChannels, pairs, kChannels].
struct PairBlock {
  int64_t first, pairs;  // tiles 2 first + ..
  Pair *x, *dy;
};
// Pairs [part) of the block; beyond the last tile zero.
void TransformPairs(const Map& map, const bfloat16* x, const bfloat16* dy, const PairBlock& block,
                    Range part);
// m [kPoints, O, I] = or += dy^T x over the block, of items [items) of kPoints * O / kChannels.
void AddPairs(const Map& map, const PairBlock& block, Range items, bool first, float* m);
// Outputs [outputs) of dweight [O, I, 3, 3].
void WeightGradient(const Map& map, const float* m, Range outputs, float* dweight);

}  // namespace ssd::winograd
