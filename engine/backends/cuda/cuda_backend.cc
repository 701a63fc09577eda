// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/cuda_backend.h"

#include <optional>
#include <utility>
#include <vector>

#include "backends/cuda/batch_norm.h"
#include "backends/cuda/batch_renderer.h"
#include "backends/cuda/context.h"
#include "backends/cuda/conv.h"
#include "backends/cuda/detect.h"
#include "backends/cuda/elementwise.h"
#include "backends/cuda/head_layout.h"
#include "backends/cuda/jpeg.h"
#include "backends/cuda/max_pool.h"
#include "backends/cuda/multibox.h"
#include "backends/cuda/plan.h"
#include "backends/cuda/recorded.h"
#include "backends/cuda/training_filters.h"
#include "backends/cuda/values.h"

namespace ssd {
namespace {

// A span's sums, on the side stream: all that is summed over ranks is in one order there. Two sums
// at once, each begun first on another GPU, might wait for each other without end.
class OrderedSpan final : public NormSpan {
 public:
  OrderedSpan(NormSpan& span, SideStream& side) : span_(span), side_(side) {}
  int64_t ranks() const override { return span_.ranks(); }
  void Sum(std::span<double> values, void*) override {
    span_.Sum(values, side_.Fork());
    side_.Join();
  }

 private:
  NormSpan& span_;
  SideStream& side_;
};

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(const BackendOptions& options)
      : fuses_(options.fusions && options.norm_span == nullptr) {
    side_.emplace(context_);
    if (options.norm_span != nullptr)
      context_.norm_span = &span_.emplace(*options.norm_span, *side_);
    target_ =
        OpenGpuTarget(context_.stream, {options.plan_cache, options.time_plans, options.warn});
  }
  ~CudaBackend() override {
    target_.reset();
    side_.reset();
    (void)cudaStreamDestroy(context_.stream);
  }

  std::string Describe() const override {
    cudaDeviceProp device;
    int device_id = 0, runtime = 0;
    SSD_CUDA(cudaGetDevice(&device_id));
    SSD_CUDA(cudaGetDeviceProperties(&device, device_id));
    SSD_CUDA(cudaRuntimeGetVersion(&runtime));
    return std::string("cuda: ") + device.name + ", " +
           std::to_string(device.totalGlobalMem >> 20) + " MB, CUDA " +
           std::to_string(runtime / 1000) + "." + std::to_string(runtime % 1000 / 10);
  }
  Precision precision() const override { return Precision::kF16; }
  bool fuses() const override { return fuses_; }
  size_t Bytes(const ValueDesc& value) const override { return CudaBytes(value); }
  int64_t image_channels() const override { return kCudaImageChannels; }
  int64_t head_channels(int64_t shapes) const override { return CudaHeadChannels(shapes); }
  void Import(const ValueDesc& value, std::span<const float> nchw, void* data) override {
    const auto bytes = PackValue(value, nchw);
    CopyToDevice(context_, bytes.data(), bytes.size(), data);
  }
  void Export(const ValueDesc& value, const void* data, std::span<float> nchw) override {
    std::vector<std::byte> bytes(CudaBytes(value));
    CopyToHost(context_, data, bytes.size(), bytes.data());
    UnpackValue(value, bytes, nchw);
  }
  std::unique_ptr<DeviceMemory> Allocate(size_t bytes) override {
    return AllocateCuda(context_, bytes);
  }
  bool memory_is_host() const override { return false; }
  void Upload(void* device, std::span<const std::byte> host) override {
    SSD_CUDA(
        cudaMemcpyAsync(device, host.data(), host.size(), cudaMemcpyHostToDevice, context_.stream));
  }
  void Download(std::span<std::byte> host, const void* device) override {
    SSD_CUDA(
        cudaMemcpyAsync(host.data(), device, host.size(), cudaMemcpyDeviceToHost, context_.stream));
  }
  void Copy(void* to, const void* from, size_t bytes) override {
    SSD_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, context_.stream));
  }
  std::unique_ptr<Op> MakeConv(const ConvDesc& desc) override {
    return MakeCudaConv(context_, *target_, desc);
  }
  std::unique_ptr<Op> MakeBatchNorm(const BatchNormDesc& desc) override {
    return MakeCudaBatchNorm(context_, desc);
  }
  std::unique_ptr<Op> MakeMaxPool(const MaxPoolDesc& desc) override {
    return MakeCudaMaxPool(context_, desc);
  }
  std::unique_ptr<MultiboxOp> MakeMultibox(const MultiboxDesc& desc) override {
    return MakeCudaMultibox(context_, desc);
  }
  std::unique_ptr<DetectOp> MakeDetect(const DetectDesc& desc) override {
    return MakeCudaDetect(context_, desc);
  }
  std::unique_ptr<DeviceJpeg> MakeDeviceJpeg() override { return MakeCudaJpeg(OpenNvjpeg()); }
  std::unique_ptr<BatchRenderer> MakeBatchRenderer(const BatchRendererDesc& desc) override {
    return MakeCudaBatchRenderer(context_, desc);
  }
  std::unique_ptr<SgdOp> MakeSgd(const SgdArgs& args) override {
    return std::make_unique<CudaSgd>(context_, filters_.Segments(args));
  }
  void UnpackGradients() override { filters_.UnpackGradients(context_); }
  void PackGradients() override { filters_.PackGradients(context_); }
  std::unique_ptr<Recorded> Record(std::function<void()> calls) override {
    return RecordOnCuda(context_, std::move(calls));
  }
  void Beside(const std::function<void(void* stream)>& enqueue) override { enqueue(side_->Fork()); }
  void Join() override { side_->Join(); }
  bool Idle() override {
    const cudaError_t error = cudaStreamQuery(context_.stream);
    if (error != cudaErrorNotReady) CheckCuda(error, "cudaStreamQuery");
    return error == cudaSuccess;
  }
  void Synchronize() override { SSD_CUDA(cudaStreamSynchronize(context_.stream)); }

 private:
  const bool fuses_;
  TrainingFilters filters_;
  CudaContext context_{OpenStream(StreamUse::kStep), &filters_};
  std::optional<SideStream> side_;
  std::optional<OrderedSpan> span_;
  std::unique_ptr<PlanTarget> target_;
};

}  // namespace

std::unique_ptr<Backend> MakeCudaBackend(const BackendOptions& options) {
  return std::make_unique<CudaBackend>(options);
}

}  // namespace ssd
