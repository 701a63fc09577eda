// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "backends/cuda/context.h"

namespace ssd {

// A labelled box of an image, relative to it.
struct TargetBox {
  float left, top, right, bottom;
  int32_t label;
  int32_t claim;  // EncodeBatch's: the default box that is forced on it
};

// All of the device.
struct TargetTask {
  const float4* centers;  // default boxes in centre form and in corner form, as
  const float4* corners;  // loss/default_boxes.h has them
  TargetBox* boxes;       // of all images, one after another
  const int32_t* first;   // [batch + 1]: image i has the boxes from first[i] to first[i + 1]
  int32_t* label;         // [batch, 8732]
  float4* offset;         // [batch, 8732]
};

// Spec section 3 for a batch: to the bit what EncodeTargets of loss/matcher.h writes. count: of all
// boxes.
void EncodeBatch(const CudaContext& context, const TargetTask& task, int64_t batch, int64_t count);

}  // namespace ssd
