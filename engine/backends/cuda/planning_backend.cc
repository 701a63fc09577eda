// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/planning_backend.h"

#include <sys/mman.h>

#include <algorithm>

#include "backends/cuda/batch_norm.h"
#include "backends/cuda/context.h"
#include "backends/cuda/conv.h"
#include "backends/cuda/head_layout.h"
#include "backends/cuda/max_pool.h"
#include "backends/cuda/multibox.h"
#include "backends/cuda/training_filters.h"
#include "backends/cuda/values.h"

namespace ssd {
namespace {

// Addresses without pages behind them: as much as a GPU has.
class Reserved final : public DeviceMemory {
 public:
  explicit Reserved(size_t bytes)
      : size_(std::max<size_t>(bytes, 1)),
        data_(mmap(nullptr, size_, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
    if (data_ == MAP_FAILED) Throw(Status::kUnavailable, "no %zu MB of addresses", bytes >> 20);
  }
  ~Reserved() override { munmap(data_, size_); }
  Reserved(const Reserved&) = delete;
  Reserved& operator=(const Reserved&) = delete;
  void* data() const override { return data_; }
  size_t size() const override { return size_; }

 private:
  size_t size_;
  void* data_;
};

class PlanningBackend final : public Backend {
 public:
  PlanningBackend(PlanTarget& target, bool spans) : target_(target), spans_(spans) {}
  std::string Describe() const override { return "cuda: plans only"; }
  Precision precision() const override { return Precision::kF16; }
  bool fuses() const override { return !spans_; }
  size_t Bytes(const ValueDesc& value) const override { return CudaBytes(value); }
  int64_t image_channels() const override { return kCudaImageChannels; }
  int64_t head_channels(int64_t shapes) const override { return CudaHeadChannels(shapes); }
  void Import(const ValueDesc&, std::span<const float>, void*) override { Refuse(); }
  void Export(const ValueDesc&, const void*, std::span<float>) override { Refuse(); }
  std::unique_ptr<DeviceMemory> Allocate(size_t bytes) override {
    return std::make_unique<Reserved>(bytes);
  }
  bool memory_is_host() const override { return false; }
  void Upload(void*, std::span<const std::byte>) override { Refuse(); }
  void Download(std::span<std::byte>, const void*) override { Refuse(); }
  void Copy(void*, const void*, size_t) override { Refuse(); }
  std::unique_ptr<Op> MakeConv(const ConvDesc& desc) override {
    return MakeCudaConv({nullptr, &filters_}, target_, desc);
  }
  std::unique_ptr<Op> MakeBatchNorm(const BatchNormDesc& desc) override {
    return MakeCudaBatchNorm({}, desc);
  }
  std::unique_ptr<Op> MakeMaxPool(const MaxPoolDesc& desc) override {
    return MakeCudaMaxPool({}, desc);
  }
  std::unique_ptr<MultiboxOp> MakeMultibox(const MultiboxDesc& desc) override {
    return MakeCudaMultibox({}, desc);
  }
  std::unique_ptr<DetectOp> MakeDetect(const DetectDesc&) override { Refuse(); }
  std::unique_ptr<SgdOp> MakeSgd(const SgdArgs&) override { Refuse(); }
  void UnpackGradients() override { Refuse(); }
  void PackGradients() override { Refuse(); }
  std::unique_ptr<Recorded> Record(std::function<void()>) override { Refuse(); }
  void Beside(const std::function<void(void*)>&) override { Refuse(); }
  void Join() override { Refuse(); }
  bool Idle() override { return true; }
  void Synchronize() override {}

 private:
  [[noreturn]] static void Refuse() {
    Throw(Status::kUnavailable, "plans only: nothing runs without a GPU");
  }

  TrainingFilters filters_;
  PlanTarget& target_;
  const bool spans_;
};

}  // namespace

std::unique_ptr<Backend> OpenPlanningBackend(PlanTarget& target, bool spans) {
  return std::make_unique<PlanningBackend>(target, spans);
}

}  // namespace ssd
