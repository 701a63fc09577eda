// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/context.h"

#include <algorithm>

namespace ssd {
namespace {

class CudaMemory final : public DeviceMemory {
 public:
  CudaMemory(const CudaContext& context, size_t bytes, const char* key) : size_(bytes) {
    const size_t lines = (std::max<size_t>(bytes, 1) + 63) / 64 * 64;
    const cudaError_t error = cudaMalloc(&data_, lines);
    if (error == cudaErrorMemoryAllocation)
      Throw(Status::kUnavailable, "no %zu MB of memory on the GPU: lower %s", bytes >> 20, key);
    CheckCuda(error, "cudaMalloc");
    SSD_CUDA(cudaMemsetAsync(data_, 0, lines, context.stream));
  }
  ~CudaMemory() override { (void)cudaFree(data_); }
  CudaMemory(const CudaMemory&) = delete;
  CudaMemory& operator=(const CudaMemory&) = delete;
  void* data() const override { return data_; }
  size_t size() const override { return size_; }

 private:
  void* data_ = nullptr;
  size_t size_;
};

}  // namespace

cudaStream_t OpenStream(StreamUse use) {
  int least = 0, greatest = 0;
  cudaStream_t stream = nullptr;
  SSD_CUDA(cudaDeviceGetStreamPriorityRange(&least, &greatest));
  SSD_CUDA(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking,
                                        use == StreamUse::kStep ? greatest : least));
  return stream;
}

std::unique_ptr<DeviceMemory> AllocateCuda(const CudaContext& context, size_t bytes,
                                           const char* key) {
  return std::make_unique<CudaMemory>(context, bytes, key);
}

HostBytes AllocatePinned(size_t bytes) {
  void* data = nullptr;
  const cudaError_t error = cudaHostAlloc(&data, std::max<size_t>(bytes, 1), cudaHostAllocPortable);
  if (error == cudaErrorMemoryAllocation)
    Throw(Status::kUnavailable,
          "no %zu MB of page-locked memory: lower data.prefetch or model.batch_size", bytes >> 20);
  CheckCuda(error, "cudaHostAlloc");
  return {static_cast<uint8_t*>(data), [](uint8_t* p) { (void)cudaFreeHost(p); }};
}

void CopyToDevice(const CudaContext& context, const void* host, size_t bytes, void* device) {
  SSD_CUDA(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, context.stream));
  SSD_CUDA(cudaStreamSynchronize(context.stream));
}

void CopyToHost(const CudaContext& context, const void* device, size_t bytes, void* host) {
  SSD_CUDA(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, context.stream));
  SSD_CUDA(cudaStreamSynchronize(context.stream));
}

}  // namespace ssd
