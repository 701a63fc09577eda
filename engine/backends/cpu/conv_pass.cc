// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/conv_pass.h"

#include "backends/cpu/conv_onednn.h"
#include "backends/cpu/winograd.h"
#include "backends/cpu/winograd4_passes.h"

namespace ssd {

std::unique_ptr<ConvPass> MakeForwardPass(const CpuContext& context, const ConvDesc& desc) {
  if (Winograd4::Gains(context) && Winograd4::Takes(desc))
    return std::make_unique<Winograd4Forward>(context, desc);
  return std::make_unique<OneDnnForward>(context, desc);
}

std::unique_ptr<ConvPass> MakeBackwardPass(const CpuContext& context, const ConvDesc& desc) {
  if (Winograd4::Gains(context) && Winograd4Backward::Takes(desc))
    return std::make_unique<Winograd4Backward>(context, desc);
  if (Winograd::Gains(context) && Winograd::Takes(desc))
    return std::make_unique<Winograd>(context, desc);
  return std::make_unique<OneDnnBackward>(context, desc);
}

}  // namespace ssd
