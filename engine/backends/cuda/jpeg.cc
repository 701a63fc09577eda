// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/jpeg.h"

#include <array>
#include <utility>
#include <vector>

namespace ssd {
namespace {

size_t PixelBytes(const JpegJob& job) {
  return size_t{3} * static_cast<size_t>(job.width) * static_cast<size_t>(job.height);
}

class CudaJpeg final : public DeviceJpeg {
 public:
  explicit CudaJpeg(std::unique_ptr<JpegLibrary> library) : library_(std::move(library)) {}
  ~CudaJpeg() override {
    library_.reset();
    (void)cudaStreamDestroy(context_.stream);
  }

  void Decode(std::span<JpegJob> jobs) override {
    if (jobs.empty()) return;
    Place(jobs);
    std::vector<JpegJob> together;
    std::vector<JpegJob*> in_batch, alone;
    for (JpegJob& job : jobs) {
      const bool taken = library_->InBatches(job);
      (taken ? in_batch : alone).push_back(&job);
      if (taken) together.push_back(job);
    }
    if (!together.empty() && !library_->DecodeAll(together, context_.stream))
      alone.insert(alone.end(), in_batch.begin(), in_batch.end());
    for (JpegJob* job : alone)
      if (!library_->DecodeOne(*job, context_.stream)) job->pixels = nullptr;
    SSD_CUDA(cudaStreamSynchronize(context_.stream));
  }

 private:
  void Place(std::span<JpegJob> jobs) {
    size_t bytes = 0;
    for (const JpegJob& job : jobs)
      if (job.home == nullptr) bytes += PixelBytes(job);
    auto& memory = memory_[calls_++ % 2];
    if (memory == nullptr || memory->size() < bytes) {
      memory.reset();
      memory = AllocateCuda(context_, bytes + bytes / 4);
    }
    auto* next = static_cast<uint8_t*>(memory->data());
    for (JpegJob& job : jobs) {
      job.pixels = job.home;
      if (job.home == nullptr) job.pixels = std::exchange(next, next + PixelBytes(job));
    }
  }

  const CudaContext context_{OpenStream(StreamUse::kInput)};
  std::unique_ptr<JpegLibrary> library_;
  std::array<std::unique_ptr<DeviceMemory>, 2> memory_;
  uint64_t calls_ = 0;
};

}  // namespace

std::unique_ptr<DeviceJpeg> MakeCudaJpeg(std::unique_ptr<JpegLibrary> library) {
  return std::make_unique<CudaJpeg>(std::move(library));
}

}  // namespace ssd
