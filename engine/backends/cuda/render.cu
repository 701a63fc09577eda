// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/render.h"

namespace ssd {
namespace {

constexpr int32_t kThreads = 256;

// The filter of one output of one axis. With all lengths in units of 1 / (2 out) of an input pixel,
// weights are whole numbers: reach - |2 out i - centre|, where reach is the wider of an input and
// an output pixel.
struct Filter {
  int32_t first, last;  // inputs with a weight above 0
  int32_t unit, centre, reach;
  __device__ __forceinline__ Filter(int32_t in, int32_t out, int32_t o)
      : unit(2 * out), centre((2 * o + 1) * in - out), reach(2 * max(in, out)) {
    // Below, the shift by `in` pixels keeps the dividends positive.
    first = max((centre - reach + unit * in) / unit - in + 1, 0);
    last = min((centre + reach - 1) / unit, in - 1);
  }
  __device__ __forceinline__ float weight(int32_t i) const {
    return static_cast<float>(reach - abs(unit * i - centre));
  }
};

__device__ __forceinline__ float ToByte(float v) { return floorf(fminf(fmaxf(v, 0), 255) + 0.5f); }

struct alignas(8) Pixel {
  __half v[4];
};

__device__ __forceinline__ void Jitter(const RenderTask& task, float* v) {
  const float* m = task.matrix;
  const float red = v[0], green = v[1], blue = v[2];
  for (int c = 0; c < 3; ++c) {
    v[c] = ToByte(m[c * 3] * red + m[c * 3 + 1] * green + m[c * 3 + 2] * blue);
    v[c] = ToByte(task.contrast * v[c] + task.shift);
  }
}

// A thread an output pixel. Grid: pixels, images.
__global__ void __launch_bounds__(kThreads)
    RenderKernel(const RenderTask* tasks, int32_t side, PixelScale normal, Pixel* out) {
  const int32_t i = static_cast<int32_t>(blockIdx.x * kThreads + threadIdx.x);
  if (i >= side * side) return;
  const RenderTask& task = tasks[blockIdx.y];
  Pixel& to = out[static_cast<int64_t>(blockIdx.y) * side * side + i];
  if (task.width == 0) {
    to = {};
    return;
  }
  const int32_t column = i % side;
  const Filter rows(task.height, side, i / side);
  const Filter columns(task.width, side, task.mirror ? side - 1 - column : column);
  float v[3] = {}, all_rows = 0, all_columns = 0;
  for (int32_t x = columns.first; x <= columns.last; ++x) all_columns += columns.weight(x);
  for (int32_t y = rows.first; y <= rows.last; ++y) {
    const uint8_t* row = task.pixels + static_cast<int64_t>(y) * task.stride;
    float line[3] = {};
    for (int32_t x = columns.first; x <= columns.last; ++x) {
      const uint8_t* pixel = row + x * task.pixel_bytes;
      for (int c = 0; c < 3; ++c) line[c] += columns.weight(x) * static_cast<float>(pixel[c]);
    }
    for (int c = 0; c < 3; ++c) v[c] += rows.weight(y) * line[c];
    all_rows += rows.weight(y);
  }
  for (int c = 0; c < 3; ++c) v[c] = ToByte(v[c] / (all_rows * all_columns));
  if (task.jitter) Jitter(task, v);
  Pixel pixel;
  for (int c = 0; c < 3; ++c)
    pixel.v[c] = __float2half_rn((v[c] - normal.mean[c]) * normal.scale[c]);
  pixel.v[3] = __float2half_rn(0);
  to = pixel;
}

}  // namespace

void RenderBatch(const CudaContext& context, const RenderTask* tasks, int64_t batch, int32_t side,
                 const PixelScale& normal, __half* out) {
  SSD_CHECK(batch > 0 && batch <= 65535 && side > 0 && side <= 2048);
  Launch(context, RenderKernel,
         {BlocksFor(int64_t{side} * side, kThreads), static_cast<uint32_t>(batch)}, {kThreads},
         tasks, side, normal, reinterpret_cast<Pixel*>(out));
}

}  // namespace ssd
