// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "backends/batch_renderer.h"
#include "backends/cuda/context.h"

namespace ssd {

// Two batches on the device: one that the network takes, one on its way. The image is f16 with
// kCudaImageChannels.
std::unique_ptr<BatchRenderer> MakeCudaBatchRenderer(const CudaContext& context,
                                                     const BatchRendererDesc& desc);

}  // namespace ssd
