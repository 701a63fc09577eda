// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/cpu_backend.h"

#include <omp.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "backends/cpu/batch_norm.h"
#include "backends/cpu/context.h"
#include "backends/cpu/conv.h"
#include "backends/cpu/detect.h"
#include "backends/cpu/elementwise.h"
#include "backends/cpu/head_layout.h"
#include "backends/cpu/max_pool.h"
#include "backends/cpu/multibox.h"
#include "core/error.h"
#include "core/free_memory.h"

namespace ssd {

namespace {

// Small blocks come from the heap, where a sanitizer watches their ends; large ones are mapped, in
// huge pages if the system has them.
class CpuMemory : public DeviceMemory {
 public:
  explicit CpuMemory(size_t bytes) : size_(bytes) {
    if (bytes < kHugePage) {
      const size_t rounded = std::max<size_t>(bytes + kLine - 1, kLine) / kLine * kLine;
      data_ = std::aligned_alloc(kLine, rounded);
      if (data_ == nullptr) Fail();
      std::memset(data_, 0, rounded);
      return;
    }
    // The system gives pages only as they are written, and ends whoever wants too many.
    if (bytes > kLarge && static_cast<int64_t>(bytes) > FreeMemory()) Fail();
    mapped_ = bytes + kHugePage;
    base_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base_ == MAP_FAILED) Fail();
    const size_t past = reinterpret_cast<uintptr_t>(base_) % kHugePage;
    data_ = static_cast<std::byte*>(base_) + (kHugePage - past) % kHugePage;
    madvise(data_, bytes, MADV_HUGEPAGE);
  }
  ~CpuMemory() override {
    if (mapped_ == 0) {
      std::free(data_);
    } else {
      munmap(base_, mapped_);
    }
  }
  CpuMemory(const CpuMemory&) = delete;
  CpuMemory& operator=(const CpuMemory&) = delete;
  void* data() const override { return data_; }
  size_t size() const override { return size_; }

 private:
  static constexpr size_t kLine = 64, kHugePage = 2u << 20, kLarge = 1u << 30;

  [[noreturn]] void Fail() const {
    Throw(Status::kUnavailable,
          "no %zu MB of memory: lower model.batch_size or model.eval_batch_size", size_ >> 20);
  }

  size_t size_, mapped_ = 0;  // mapped_: bytes at base_, 0 for a block of the heap
  void *base_ = nullptr, *data_ = nullptr;
};

class Sgd final : public SgdOp {
 public:
  explicit Sgd(const SgdArgs& args) : args_(args) {}
  std::vector<GradientRun> gradients() const override {
    return {{args_.gradient, args_.size, DType::kF32, 0}};
  }
  void SetRates(const SgdRates& rates) override { rates_ = rates; }
  void Run() override { CpuSgd(args_, rates_); }

 private:
  const SgdArgs args_;
  SgdRates rates_{};
};

class Calls final : public Recorded {
 public:
  explicit Calls(std::function<void()> calls) : calls_(std::move(calls)) {}
  void Run() override { calls_(); }

 private:
  const std::function<void()> calls_;
};

long long Long(int64_t v) { return v; }  // for %lld

class CpuBackend : public Backend {
 public:
  CpuBackend(Precision precision, int threads, NormSpan* norm_span, const std::string& no_gpu)
      : context_{dnnl::engine(dnnl::engine::kind::cpu, 0), {}, precision, threads, norm_span},
        no_gpu_(no_gpu) {
    context_.stream = dnnl::stream(context_.engine);
  }

  std::string Describe() const override {
    const dnnl_version_t* v = dnnl_version();
    return "cpu: oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." +
           std::to_string(v->patch) + ", " + CpuIsaName(dnnl::get_effective_cpu_isa()) + ", " +
           std::to_string(context_.threads) + " threads" +
           (no_gpu_.empty() ? "" : "; no GPU is used: " + no_gpu_);
  }
  Precision precision() const override { return context_.precision; }
  bool fuses() const override { return false; }
  bool keeps_rests() const override { return context_.precision == Precision::kBF16; }
  size_t Bytes(const ValueDesc& value) const override {
    return static_cast<size_t>(CpuElements(value)) * SizeOf(CpuType(value, context_.precision));
  }
  int64_t image_channels() const override { return 3; }
  int64_t head_channels(int64_t shapes) const override { return CpuHeadChannels(shapes); }
  void Import(const ValueDesc& value, std::span<const float> nchw, void* data) override {
    SSD_CHECK(nchw.size() == static_cast<size_t>(CpuElements(value)));
    ImportChannelsLast(value, CpuType(value, context_.precision), nchw.data(), data);
  }
  void Export(const ValueDesc& value, const void* data, std::span<float> nchw) override {
    SSD_CHECK(nchw.size() == static_cast<size_t>(CpuElements(value)));
    ExportChannelsLast(value, CpuType(value, context_.precision), data, nchw.data());
  }
  std::unique_ptr<DeviceMemory> Allocate(size_t bytes) override {
    return std::make_unique<CpuMemory>(bytes);
  }
  bool memory_is_host() const override { return true; }
  void Upload(void* device, std::span<const std::byte> host) override {
    std::memcpy(device, host.data(), host.size());
  }
  void Download(std::span<std::byte> host, const void* device) override {
    std::memcpy(host.data(), device, host.size());
  }
  void Copy(void* to, const void* from, size_t bytes) override { std::memcpy(to, from, bytes); }
  std::unique_ptr<Op> MakeConv(const ConvDesc& desc) override {
    try {
      return desc.training ? MakeTrainingConv(context_, desc) : MakeInferenceConv(context_, desc);
    } catch (const dnnl::error& e) {
      Throw(Status::kInvalid,
            "oneDNN has no %lldx%lld convolution of stride %lld and pad %lld from %lldx%lldx%lld "
            "to %lldx%lldx%lld: %s",
            Long(desc.kernel), Long(desc.kernel), Long(desc.stride), Long(desc.pad),
            Long(desc.x.channels), Long(desc.x.height), Long(desc.x.width), Long(desc.y.channels),
            Long(desc.y.height), Long(desc.y.width), e.what());
    }
  }
  std::unique_ptr<Op> MakeBatchNorm(const BatchNormDesc& desc) override {
    return MakeCpuBatchNorm(context_, desc);
  }
  std::unique_ptr<Op> MakeMaxPool(const MaxPoolDesc& desc) override {
    return MakeCpuMaxPool(context_, desc);
  }
  std::unique_ptr<MultiboxOp> MakeMultibox(const MultiboxDesc& desc) override {
    return MakeCpuMultibox(desc, context_.precision);
  }
  std::unique_ptr<DetectOp> MakeDetect(const DetectDesc& desc) override {
    return MakeCpuDetect(desc);
  }
  std::unique_ptr<SgdOp> MakeSgd(const SgdArgs& args) override {
    return std::make_unique<Sgd>(args);
  }
  void UnpackGradients() override {}
  void PackGradients() override {}
  std::unique_ptr<Recorded> Record(std::function<void()> calls) override {
    return std::make_unique<Calls>(std::move(calls));
  }
  void Beside(const std::function<void(void* stream)>& enqueue) override { enqueue(nullptr); }
  void Join() override {}
  bool Idle() override { return true; }
  void Synchronize() override { context_.stream.wait(); }

 private:
  CpuContext context_;
  std::string no_gpu_;
};

}  // namespace

std::unique_ptr<Backend> OpenCpuBackend(Precision precision, int threads, NormSpan* norm_span,
                                        const std::string& no_gpu) {
  if (precision == Precision::kF16)
    Throw(Status::kUnavailable, "model.precision fp16 needs a GPU: on a CPU use bf16 or f32%s%s",
          no_gpu.empty() ? "" : "; ", no_gpu.c_str());
  const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const auto avx512 = static_cast<unsigned>(dnnl::cpu_isa::avx512_core);
  if (precision == Precision::kBF16 && (isa & avx512) != avx512)
    Throw(Status::kUnavailable,
          "model.precision bf16 needs AVX-512, this processor has %s: use f32",
          CpuIsaName(dnnl::get_effective_cpu_isa()));
  if (threads <= 0) threads = omp_get_num_procs();
  omp_set_num_threads(threads);
  return std::make_unique<CpuBackend>(precision, threads, norm_span, no_gpu);
}

}  // namespace ssd
