// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "backends/cpu/context.h"

namespace ssd {

// One direction of a convolution of training, by oneDNN or by own kernels. Every pass of a
// convolution has the same scratch area and finds nothing in it.
class ConvPass {
 public:
  virtual ~ConvPass() = default;
  virtual size_t scratch() const = 0;
  // dy, of a backward pass: channels last, of the activation type; ReLU's gradient is done.
  virtual void Bind(const OpArgs& args, const void* dy, void* scratch) = 0;
  // Writes y; or dweight, dbias and, with an input gradient, dx.
  virtual void Run() = 0;
};

// The fastest on this processor.
std::unique_ptr<ConvPass> MakeForwardPass(const CpuContext& context, const ConvDesc& desc);
std::unique_ptr<ConvPass> MakeBackwardPass(const CpuContext& context, const ConvDesc& desc);

}  // namespace ssd
