// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_fp16.h>

#include <cstdint>

#include "backends/cuda/context.h"

namespace ssd {

// A filter's two forms: f32 [outputs][inputs][area], as the arena has it, and f16
// [padded_outputs][area][padded_inputs], as cuDNN reads it; padding is zero.
struct FilterShape {
  int32_t outputs, inputs, area, padded_outputs, padded_inputs;
  int64_t padded_size() const { return int64_t{padded_outputs} * area * padded_inputs; }
};

// BatchNorm with running statistics, to be folded into the convolution before it (eval): weights
// times gamma / sqrt(variance + eps), bias beta - mean times that.
struct FoldedNorm {
  const float *gamma, *beta, *mean, *variance;  // [outputs]
  float eps;
};

// fold may be null, bias too (then 0).
void PackFilter(const CudaContext& context, const FilterShape& shape, const float* weight,
                const FoldedNorm* fold, __half* packed);
void PackBias(const CudaContext& context, const FilterShape& shape, const float* bias,
              const FoldedNorm* fold, float* packed);  // [padded_outputs]
void UnpackFilterGradient(const CudaContext& context, const FilterShape& shape,
                          const __half* packed, float* dweight);

}  // namespace ssd
