// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_fp16.h>

#include <cstdint>

#include "backends/batch_renderer.h"
#include "backends/cuda/context.h"

namespace ssd {

// A value 0..255 becomes (v - mean) * scale, by colour.
struct PixelScale {
  float mean[3], scale[3];
};

// out: [batch][side][side][4], the fourth channel 0. tasks and what they point to are the device's.
// Resized with the exact triangular weights, rounded to 8 bit where the spec rounds.
void RenderBatch(const CudaContext& context, const RenderTask* tasks, int64_t batch, int32_t side,
                 const PixelScale& normal, __half* out);

}  // namespace ssd
