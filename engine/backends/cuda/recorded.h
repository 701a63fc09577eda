// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "backends/cuda/context.h"
#include "backends/cuda/event.h"

namespace ssd {

// Calls on the context's stream as a CUDA graph. The first Run makes the calls, so that libraries
// load and connect what they need, and captures them after; the later ones launch the graph.
std::unique_ptr<Recorded> RecordOnCuda(const CudaContext& context, std::function<void()> calls);

// A stream beside the context's.
class SideStream {
 public:
  explicit SideStream(const CudaContext& context);
  ~SideStream() { (void)cudaStreamDestroy(stream_); }
  SideStream(const SideStream&) = delete;
  SideStream& operator=(const SideStream&) = delete;

  cudaStream_t Fork();  // to put work into: behind what the context's stream holds
  void Join();          // what the context's stream gets from here on is behind it

 private:
  const CudaContext context_;
  const cudaStream_t stream_;
  CudaEvent forked_, joined_;
};

}  // namespace ssd
