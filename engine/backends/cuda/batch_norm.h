// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_fp16.h>

#include <cstddef>
#include <memory>

#include "backends/cuda/context.h"

namespace ssd {

// BatchNormDesc on f16, channels last: a multiple of 8 channels up to 2048 (Status::kInvalid
// otherwise). Sums in f32 by thread and f64 beyond, in an order that does not change. Saves mean,
// 1 / std and, with a ReLU whose gradient is its own, a bit an element; deferred also scale and
// shift (NormState). Backward reads x and not y. Parameters and statistics are 16-byte aligned.
// Over a span of ranks it takes sums of f64 in two collectives, one a pass, and no work of
// neighbours.
std::unique_ptr<Op> MakeCudaBatchNorm(const CudaContext& context, const BatchNormDesc& desc);

// What a deferred BatchNorm saves, by channel: y = scale x + shift.
struct NormState {
  float *mean, *inverse_std;
  __half *scale, *shift;
};
NormState NormStateOf(void* saved, int64_t channels);

// The work that a BatchNorm's neighbours take over, for a convolution that cuDNN does not fuse with
// it. scratch: NormScratch(x) bytes.
size_t NormScratch(const ValueDesc& x);
// sums[2, channels] of x and its squares.
void NormSums(const CudaContext& context, const ValueDesc& desc, const void* x, void* scratch,
              float* sums);
// y = relu(gamma (x - mean) / std + beta)
void Normalise(const CudaContext& context, const ValueDesc& desc, const void* x,
               const NormState& norm, const float* gamma, const float* beta, void* y);
// The gradient dy of that y becomes the gradient before the ReLU; finds dgamma and dbeta.
void NormGradient(const CudaContext& context, const ValueDesc& desc, const void* x,
                  const NormState& norm, const float* gamma, const float* beta, void* dy,
                  void* scratch, float* dgamma, float* dbeta);

}  // namespace ssd
