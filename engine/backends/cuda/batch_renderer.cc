// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/batch_renderer.h"

#include <algorithm>
#include <array>
#include <optional>

#include "backends/cuda/batch_targets.h"
#include "backends/cuda/event.h"
#include "backends/cuda/render.h"
#include "backends/cuda/values.h"
#include "core/error.h"

namespace ssd {
namespace {

constexpr size_t kAlignment = 256;

size_t Aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// A stream whose work waits where the backend's has something to do.
class InputStream {
 public:
  InputStream() = default;
  ~InputStream() {
    (void)cudaStreamSynchronize(context_.stream);
    (void)cudaStreamDestroy(context_.stream);
  }
  InputStream(const InputStream&) = delete;
  InputStream& operator=(const InputStream&) = delete;
  const CudaContext& context() const { return context_; }
  operator cudaStream_t() const { return context_.stream; }

 private:
  const CudaContext context_{OpenStream(StreamUse::kInput)};
};

class CudaBatchRenderer final : public BatchRenderer {
 public:
  CudaBatchRenderer(const CudaContext& backend, const BatchRendererDesc& desc)
      : backend_(backend), desc_(desc) {
    for (Buffer& b : buffers_) {
      const auto pixels = static_cast<size_t>(desc.side) * desc.side * kCudaImageChannels;
      b.image = Allocate(Images(pixels * sizeof(__half)));
      b.tasks = Allocate(Images(sizeof(RenderTask)));
      b.host_tasks = AllocatePinned(Images(sizeof(RenderTask)));
      if (!desc.targets.default_boxes.empty())
        b.targets.emplace(stream_.context(), desc.batch, desc.targets);
    }
    cache_ = AllocateCuda(stream_.context(), desc.cache_bytes, "data.cache_mb");
    SSD_CUDA(cudaStreamSynchronize(stream_));  // others write to the cache, too
  }

  HostBytes AllocateHost(size_t bytes) override { return AllocatePinned(bytes); }
  std::span<uint8_t> cache() override {
    return {static_cast<uint8_t*>(cache_->data()), cache_->size()};
  }

  void Start(std::span<const InputImage> images) override {
    SSD_CHECK(static_cast<int64_t>(images.size()) == desc_.batch);
    SSD_CHECK(started_ - taken_ < 2);
    Buffer& b = buffers_[started_++ % 2];
    b.taken.Hold(stream_);
    b.uploaded.Await();  // the tasks of the batch before last
    MakeRoom(b, images);
    auto* tasks = reinterpret_cast<RenderTask*>(b.host_tasks.get());
    size_t room = 0;
    for (const InputImage& image : images) {
      uint8_t* home = image.home;
      if (home == nullptr) {
        home = static_cast<uint8_t*>(b.pixels->data()) + room;
        room += Aligned(image.host.size());
      }
      Upload(home, image.host.data(), image.host.size());
      *tasks = image.task;
      tasks++->pixels = home + image.crop;
    }
    Upload(b.tasks->data(), b.host_tasks.get(), b.tasks->size());
    if (b.targets) b.targets->Upload(images);
    b.uploaded.Record(stream_);
    PixelScale normal;
    std::ranges::copy(desc_.mean, normal.mean);
    std::ranges::copy(desc_.scale, normal.scale);
    RenderBatch(stream_.context(), static_cast<const RenderTask*>(b.tasks->data()), desc_.batch,
                desc_.side, normal, static_cast<__half*>(b.image->data()));
    if (b.targets) b.targets->Encode();
    b.rendered.Record(stream_);
  }

  void AwaitUploads() override {
    for (const Buffer& b : buffers_) b.uploaded.Await();
  }

  void Take(void* image, void* label, void* offset) override {
    SSD_CHECK(taken_ < started_);
    Buffer& b = buffers_[taken_++ % 2];
    b.rendered.Hold(backend_.stream);
    Copy(image, *b.image);
    if (b.targets) {
      Copy(label, b.targets->label());
      Copy(offset, b.targets->offset());
    }
    b.taken.Record(backend_.stream);
  }

  void Drop() override {
    AwaitUploads();
    taken_ = started_;
  }

 private:
  struct Buffer {
    std::unique_ptr<DeviceMemory> pixels;  // what is not at home elsewhere
    std::unique_ptr<DeviceMemory> tasks, image;
    HostBytes host_tasks{nullptr, [](uint8_t*) {}};
    std::optional<BatchTargets> targets;
    CudaEvent uploaded, rendered, taken;
  };

  size_t Images(size_t bytes) const { return static_cast<size_t>(desc_.batch) * bytes; }
  std::unique_ptr<DeviceMemory> Allocate(size_t bytes) {
    return AllocateCuda(stream_.context(), bytes);
  }
  void MakeRoom(Buffer& b, std::span<const InputImage> images) {
    size_t bytes = 0;
    for (const InputImage& image : images)
      if (image.home == nullptr) bytes += Aligned(image.host.size());
    if (b.pixels != nullptr && b.pixels->size() >= bytes) return;
    b.rendered.Await();
    b.pixels.reset();
    b.pixels = Allocate(bytes + bytes / 4);
  }
  void Upload(void* device, const void* host, size_t bytes) {
    if (bytes == 0) return;
    SSD_CUDA(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream_));
  }
  void Copy(void* to, const DeviceMemory& from) {
    SSD_CUDA(
        cudaMemcpyAsync(to, from.data(), from.size(), cudaMemcpyDeviceToDevice, backend_.stream));
  }

  const CudaContext backend_;
  const BatchRendererDesc desc_;
  uint64_t started_ = 0, taken_ = 0;
  std::array<Buffer, 2> buffers_;
  std::unique_ptr<DeviceMemory> cache_;
  InputStream stream_;  // last: its work is on all of the above
};

}  // namespace

std::unique_ptr<BatchRenderer> MakeCudaBatchRenderer(const CudaContext& context,
                                                     const BatchRendererDesc& desc) {
  return std::make_unique<CudaBatchRenderer>(context, desc);
}

}  // namespace ssd
