// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/recorded.h"

#include <utility>

namespace ssd {
namespace {

class CudaRecorded final : public Recorded {
 public:
  CudaRecorded(const CudaContext& context, std::function<void()> calls)
      : context_(context), calls_(std::move(calls)) {}
  // What a graph launches, cuDNN's plans, must outlive its last launch, and goes next.
  ~CudaRecorded() override {
    if (graph_ == nullptr) return;
    (void)cudaStreamSynchronize(context_.stream);
    (void)cudaGraphExecDestroy(graph_);
  }
  CudaRecorded(const CudaRecorded&) = delete;
  CudaRecorded& operator=(const CudaRecorded&) = delete;

  void Run() override {
    if (graph_ != nullptr) {
      SSD_CUDA(cudaGraphLaunch(graph_, context_.stream));
    } else {
      calls_();
      Capture();
    }
  }

 private:
  void Capture() {
    cudaGraph_t captured = nullptr;
    // Thread-local: other threads may use CUDA meanwhile. The loader's do, and NCCL's, which put
    // its sums into the captured streams.
    SSD_CUDA(cudaStreamBeginCapture(context_.stream, cudaStreamCaptureModeThreadLocal));
    try {
      calls_();
    } catch (...) {
      if (cudaStreamEndCapture(context_.stream, &captured) == cudaSuccess)
        (void)cudaGraphDestroy(captured);
      throw;
    }
    SSD_CUDA(cudaStreamEndCapture(context_.stream, &captured));
    const cudaError_t error = cudaGraphInstantiate(&graph_, captured, 0);
    (void)cudaGraphDestroy(captured);
    CheckCuda(error, "cudaGraphInstantiate");
  }

  const CudaContext context_;
  const std::function<void()> calls_;
  cudaGraphExec_t graph_ = nullptr;
};

}  // namespace

std::unique_ptr<Recorded> RecordOnCuda(const CudaContext& context, std::function<void()> calls) {
  return std::make_unique<CudaRecorded>(context, std::move(calls));
}

SideStream::SideStream(const CudaContext& context)
    : context_(context), stream_(OpenStream(StreamUse::kStep)) {}

cudaStream_t SideStream::Fork() {
  forked_.Record(context_.stream);
  forked_.Hold(stream_);
  return stream_;
}

void SideStream::Join() {
  joined_.Record(stream_);
  joined_.Hold(context_.stream);
}

}  // namespace ssd
