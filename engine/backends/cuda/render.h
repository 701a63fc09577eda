// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_fp16.h>

#include <cstdint>

#include "backends/cuda/context.h"

namespace ssd {

// What becomes of a decoded image: spec section 2, steps 2 to 6, with the drawn numbers in it.
struct RenderTask {
  const uint8_t* pixels;  // first byte of the crop: red, green, blue[, x], row by row
  int32_t stride;         // bytes from row to row
  int32_t pixel_bytes;    // 3 or 4
  int32_t width, height;  // of the crop, up to 65535
  int32_t mirror, jitter;
  float matrix[9];        // hue and saturation, row-major
  float contrast, shift;  // v becomes contrast v + shift
};

// A value 0..255 becomes (v - mean) * scale, by colour.
struct PixelScale {
  float mean[3], scale[3];
};

// out: [batch][side][side][4], the fourth channel 0. tasks and what they point to are the device's.
// Resized with the exact triangular weights, rounded to 8 bit where the spec rounds.
void RenderBatch(const CudaContext& context, const RenderTask* tasks, int64_t batch, int32_t side,
                 const PixelScale& normal, __half* out);

}  // namespace ssd
