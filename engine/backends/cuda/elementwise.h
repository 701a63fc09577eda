// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_fp16.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "backends/cuda/context.h"

namespace ssd {

// out[i] = sum of terms[.][i], zero where relu_output (if not null) is not positive; f16, summed in
// f32. Up to 4 terms, 16-byte aligned; size is a multiple of 8. relu_output may be out.
void SumGradient(const CudaContext& context, const std::vector<const void*>& terms,
                 const void* relu_output, int64_t size, void* out);

// A parameter of the flat arena and its device-side forms. w and m are [outer][inner][area] (OIHW
// of a convolution); the f16 forms are [outer][area][padded] (channels last, as cuDNN reads filters
// and writes their gradients), channels beyond inner untouched. A plain vector: outer = area = 1,
// padded = inner.
struct SgdSegment {
  float* w;
  float* m;
  float* gradient;        // as w; or null, then
  __half* half_gradient;  // channels last
  __half* half_weight;    // receives the new w; null: not wanted
  int32_t outer, inner, area, padded;
};

// Spec section 6 over all parameters in one launch: f32 master weights and momentum, f16 or f32
// gradients times the loss scale in, f16 weights out.
// Segments are in the order of the arena.
class CudaSgd final : public SgdOp {
 public:
  CudaSgd(const CudaContext& context, const std::vector<SgdSegment>& segments);
  std::vector<GradientRun> gradients() const override { return gradients_; }
  // Enqueued, without a wait. Rates live on the device, so a captured Run follows a later SetRates.
  void SetRates(const SgdRates& rates) override;
  void Run() override;

 private:
  CudaContext context_;
  std::vector<GradientRun> gradients_;
  uint32_t tiles_;
  std::unique_ptr<DeviceMemory> segment_, tile_, rates_;
};

}  // namespace ssd
