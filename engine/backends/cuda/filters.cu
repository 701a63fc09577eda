// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "backends/cuda/filters.h"
#include "backends/cuda/for_each.h"

namespace ssd {
namespace {

// The factor of an output; without a norm 1.
__host__ __device__ __forceinline__ float FactorOf(const FoldedNorm& fold, int32_t output) {
  if (fold.gamma == nullptr) return 1;
  return fold.gamma[output] / sqrtf(fold.variance[output] + fold.eps);
}

struct Pack {
  FilterShape shape;
  const float* weight;
  FoldedNorm fold;
  __half* packed;
  __host__ __device__ void operator()(int64_t i) const {
    const auto input = static_cast<int32_t>(i % shape.padded_inputs);
    const auto at = static_cast<int32_t>(i / shape.padded_inputs % shape.area);
    const auto output = static_cast<int32_t>(i / shape.padded_inputs / shape.area);
    float w = 0;
    if (output < shape.outputs && input < shape.inputs) {
      const int64_t from = (static_cast<int64_t>(output) * shape.inputs + input) * shape.area + at;
      w = weight[from] * FactorOf(fold, output);
    }
    packed[i] = __float2half_rn(w);
  }
};

struct PackBiases {
  FilterShape shape;
  const float* bias;
  FoldedNorm fold;
  float* packed;
  __host__ __device__ void operator()(int64_t i) const {
    const auto output = static_cast<int32_t>(i);
    float b = 0;
    if (output < shape.outputs && bias != nullptr) b = bias[output];
    if (output < shape.outputs && fold.gamma != nullptr)
      b = fold.beta[output] + (b - fold.mean[output]) * FactorOf(fold, output);
    packed[i] = b;
  }
};

struct Unpack {
  FilterShape shape;
  const __half* packed;
  float* dweight;
  __host__ __device__ void operator()(int64_t i) const {
    const int64_t pair = i / shape.area;
    const int64_t output = pair / shape.inputs, input = pair % shape.inputs;
    const int64_t from = (output * shape.area + i % shape.area) * shape.padded_inputs + input;
    dweight[i] = __half2float(packed[from]);
  }
};

}  // namespace

void PackFilter(const CudaContext& context, const FilterShape& shape, const float* weight,
                const FoldedNorm* fold, __half* packed) {
  ForEach(context, shape.padded_size(),
          Pack{shape, weight, fold == nullptr ? FoldedNorm{} : *fold, packed});
}

void PackBias(const CudaContext& context, const FilterShape& shape, const float* bias,
              const FoldedNorm* fold, float* packed) {
  ForEach(context, shape.padded_outputs,
          PackBiases{shape, bias, fold == nullptr ? FoldedNorm{} : *fold, packed});
}

void UnpackFilterGradient(const CudaContext& context, const FilterShape& shape,
                          const __half* packed, float* dweight) {
  ForEach(context, int64_t{shape.outputs} * shape.inputs * shape.area,
          Unpack{shape, packed, dweight});
}

}  // namespace ssd
