// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include "backends/cuda/check.h"

namespace ssd {

// A point in a stream's work; before the first Record all waits return at once.
class CudaEvent {
 public:
  CudaEvent() { SSD_CUDA(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming)); }
  ~CudaEvent() { (void)cudaEventDestroy(event_); }
  CudaEvent(const CudaEvent&) = delete;
  CudaEvent& operator=(const CudaEvent&) = delete;

  void Record(cudaStream_t stream) { SSD_CUDA(cudaEventRecord(event_, stream)); }
  void Hold(cudaStream_t stream) const { SSD_CUDA(cudaStreamWaitEvent(stream, event_, 0)); }
  void Await() const { SSD_CUDA(cudaEventSynchronize(event_)); }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace ssd
