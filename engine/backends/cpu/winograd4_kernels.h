// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "backends/cpu/context.h"
#include "core/bfloat16.h"

// Parts of a 3x3 convolution of stride 1 and pad 1 by Winograd's F(4x4,3x3): a map is cut into
// tiles of 4x4 outputs, each with its 6x6 inputs; at the 36 points of a transformed tile the
// convolution is one product of matrices. Maps are channels last, what is transformed is f32 and
// summed in an order that does not depend on how tiles are shared out. All are single-threaded and
// need AVX-512.
namespace ssd::winograd4 {

inline constexpr int64_t kPoints = 36, kTile = 4;
inline constexpr int64_t kChannels = 32;  // a panel: the columns of a product made at once
inline constexpr int64_t kRows = 12;      // the rows
inline constexpr int64_t kTiles = 48;     // what a thread transforms before it multiplies, at most

struct Map {
  int64_t batch, height, width;
  int64_t in, out;  // channels; in a multiple of 16

  int64_t rows() const { return (height + kTile - 1) / kTile; }
  int64_t columns() const { return (width + kTile - 1) / kTile; }
  int64_t tiles() const { return batch * rows() * columns(); }
  int64_t panels() const { return (out + kChannels - 1) / kChannels; }
  int64_t in_step() const { return in + 16; }  // rows of v start in different cache sets
  int64_t out_step() const { return panels() * kChannels; }
  int64_t weights() const { return kPoints * panels() * in * kChannels; }  // f32 values of u
};

// What becomes of the sums: y = relu?(sum + bias? + residual?).
struct Target {
  void* y;
  bool f32;                  // or bf16
  const float* bias;         // [out] or null
  const bfloat16* residual;  // as y, or null
  bool relu;
};

// Panels [panels) of u [kPoints, panels, in, kChannels], zero beyond the last output, from weight
// [out, in, 3, 3]; or for the gradient of a layer's input, which takes the layer's outputs for in:
// from weight [in, out, 3, 3] turned by 180 degrees.
void TransformWeights(const Map& map, const float* weight, bool turned, Range panels, float* u);

// y of tiles [tiles), at most block of them, a multiple of kRows. v: f32 [kPoints, block,
// in_step]; m: f32 [kPoints, block, out_step].
void Convolve(const Map& map, const bfloat16* x, const float* u, Range tiles, int64_t block,
              float* v, float* m, const Target& target);

// A block of tiles, transformed for the gradient of the weights: x [kPoints, in / kChannels, tiles,
// kChannels] and dy [kPoints, out / kChannels, tiles, kChannels]. Channels are multiples of
// kChannels.
struct TileBlock {
  int64_t first, tiles;
  float *x, *dy;
};
// Tiles [part) of the block.
void TransformBlock(const Map& map, const bfloat16* x, const bfloat16* dy, const TileBlock& block,
                    Range part);
// sum [kPoints, out, in] = or += dy^T x over the block, of items [items) of kPoints * out /
// kChannels.
void AddBlock(const Map& map, const TileBlock& block, Range items, bool first, float* sum);
// Outputs [outputs) of dweight [out, in, 3, 3].
void WeightGradient(const Map& map, const float* sum, Range outputs, float* dweight);

}  // namespace ssd::winograd4
