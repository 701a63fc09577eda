// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "testing/guarded_backend.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/error.h"

namespace ssd::testing {
namespace {

constexpr uintptr_t kGuard = uintptr_t{1} << 54;  // in no address that a process has

template <class T>
T* ToDevice(T* host) {
  return host == nullptr ? nullptr
                         : reinterpret_cast<T*>(reinterpret_cast<uintptr_t>(host) | kGuard);
}
template <class T>
T* ToHost(T* device) {
  SSD_CHECK(device == nullptr || (reinterpret_cast<uintptr_t>(device) & kGuard) != 0);
  return reinterpret_cast<T*>(reinterpret_cast<uintptr_t>(device) & ~kGuard);
}

OpArgs ToHost(OpArgs args) {
  for (const void** p : {&args.x, &args.residual, &args.residual_rest, &args.norm}) *p = ToHost(*p);
  for (void** p : {&args.y, &args.y_rest, &args.dx, &args.dresidual, &args.saved, &args.scratch})
    *p = ToHost(*p);
  for (const void*& term : args.dy) term = ToHost(term);
  for (const void*& term : args.dx_terms) term = ToHost(term);
  for (const float** p : {&args.weight, &args.bias, &args.gamma, &args.beta}) *p = ToHost(*p);
  for (float** p : {&args.running_mean, &args.running_var, &args.dweight, &args.dbias, &args.dgamma,
                    &args.dbeta, &args.sums})
    *p = ToHost(*p);
  return args;
}

// The copies under way: up until the next call, down until Synchronize.
class Copies {
 public:
  void Up(void* device, std::span<const std::byte> host) {
    up_.push_back({static_cast<std::byte*>(ToHost(device)), host});
  }
  void Down(std::span<std::byte> host, const void* from) {
    MakeUp();
    const auto* bytes = static_cast<const std::byte*>(from);
    down_.push_back({host, {bytes, bytes + host.size()}});
  }
  void MakeUp() {
    for (const auto& [to, host] : up_) std::ranges::copy(host, to);
    up_.clear();
  }
  void MakeAll() {
    MakeUp();
    for (const auto& [host, bytes] : down_) std::ranges::copy(bytes, host.begin());
    down_.clear();
  }

 private:
  std::vector<std::pair<std::byte*, std::span<const std::byte>>> up_;
  std::vector<std::pair<std::span<std::byte>, std::vector<std::byte>>> down_;
};

class GuardedMemory final : public DeviceMemory {
 public:
  explicit GuardedMemory(std::unique_ptr<DeviceMemory> memory) : memory_(std::move(memory)) {}
  void* data() const override { return ToDevice(memory_->data()); }
  size_t size() const override { return memory_->size(); }

 private:
  std::unique_ptr<DeviceMemory> memory_;
};

class GuardedOp final : public Op {
 public:
  GuardedOp(Copies& copies, std::unique_ptr<Op> op) : copies_(copies), op_(std::move(op)) {}
  Needs needs() const override { return op_->needs(); }
  void Bind(const OpArgs& args) override { op_->Bind(ToHost(args)); }
  void Forward() override {
    copies_.MakeUp();
    op_->Forward();
  }
  void Backward() override {
    copies_.MakeUp();
    op_->Backward();
  }
  void Refresh() override {
    copies_.MakeUp();
    op_->Refresh();
  }

 private:
  Copies& copies_;
  std::unique_ptr<Op> op_;
};

class GuardedMultibox final : public MultiboxOp {
 public:
  GuardedMultibox(Copies& copies, std::unique_ptr<MultiboxOp> op)
      : copies_(copies), op_(std::move(op)) {}
  size_t scratch() const override { return op_->scratch(); }
  void Bind(const MultiboxArgs& device) override {
    MultiboxArgs args = device;
    for (const float*& map : args.map) map = ToHost(map);
    for (void*& gradient : args.gradient) gradient = ToHost(gradient);
    args.label = ToHost(args.label);
    args.offset = ToHost(args.offset);
    args.loss = ToHost(args.loss);
    args.scratch = ToHost(args.scratch);
    op_->Bind(args);
  }
  void Run() override {
    copies_.MakeUp();
    op_->Run();
  }

 private:
  Copies& copies_;
  std::unique_ptr<MultiboxOp> op_;
};

class GuardedDetect final : public DetectOp {
 public:
  GuardedDetect(Copies& copies, std::unique_ptr<DetectOp> op, const DetectDesc& desc)
      : copies_(copies),
        op_(std::move(op)),
        found_(static_cast<size_t>(desc.batch * desc.candidates)),
        count_(static_cast<size_t>(desc.batch)) {}
  size_t scratch() const override { return op_->scratch(); }
  void Bind(const std::array<const float*, kMaps>& map, Detection* out, int32_t* count,
            void* scratch) override {
    out_ = {out, found_.size()};
    out_count_ = {count, count_.size()};
    auto maps = map;
    for (const float*& m : maps) m = ToHost(m);
    op_->Bind(maps, found_.data(), count_.data(), ToHost(scratch));
  }
  void Run() override {
    copies_.MakeUp();
    op_->Run();
    copies_.Down(std::as_writable_bytes(out_), found_.data());
    copies_.Down(std::as_writable_bytes(out_count_), count_.data());
  }

 private:
  Copies& copies_;
  std::unique_ptr<DetectOp> op_;
  std::vector<Detection> found_;
  std::vector<int32_t> count_;
  std::span<Detection> out_;
  std::span<int32_t> out_count_;
};

class GuardedSgd final : public SgdOp {
 public:
  GuardedSgd(Copies& copies, std::unique_ptr<SgdOp> op) : copies_(copies), op_(std::move(op)) {}
  std::vector<GradientRun> gradients() const override {
    auto runs = op_->gradients();
    for (GradientRun& run : runs) run.data = ToDevice(run.data);
    return runs;
  }
  void SetRates(const SgdRates& rates) override { op_->SetRates(rates); }
  void Run() override {
    copies_.MakeUp();
    op_->Run();
  }

 private:
  Copies& copies_;
  std::unique_ptr<SgdOp> op_;
};

class GuardedBackend final : public Backend {
 public:
  explicit GuardedBackend(std::unique_ptr<Backend> backend) : backend_(std::move(backend)) {
    SSD_CHECK(backend_->memory_is_host());
  }
  std::string Describe() const override { return backend_->Describe(); }
  Precision precision() const override { return backend_->precision(); }
  bool fuses() const override { return backend_->fuses(); }
  bool keeps_rests() const override { return backend_->keeps_rests(); }
  size_t Bytes(const ValueDesc& value) const override { return backend_->Bytes(value); }
  int64_t image_channels() const override { return backend_->image_channels(); }
  int64_t head_channels(int64_t shapes) const override { return backend_->head_channels(shapes); }
  void Import(const ValueDesc& value, std::span<const float> nchw, void* data) override {
    copies_.MakeUp();
    backend_->Import(value, nchw, ToHost(data));
  }
  void Export(const ValueDesc& value, const void* data, std::span<float> nchw) override {
    copies_.MakeUp();
    backend_->Export(value, ToHost(data), nchw);
  }
  std::unique_ptr<DeviceMemory> Allocate(size_t bytes) override {
    return std::make_unique<GuardedMemory>(backend_->Allocate(bytes));
  }
  bool memory_is_host() const override { return false; }
  void Upload(void* device, std::span<const std::byte> host) override { copies_.Up(device, host); }
  void Download(std::span<std::byte> host, const void* device) override {
    copies_.Down(host, ToHost(device));
  }
  void Copy(void* to, const void* from, size_t bytes) override {
    copies_.MakeUp();
    backend_->Copy(ToHost(to), ToHost(from), bytes);
  }
  std::unique_ptr<Op> MakeConv(const ConvDesc& desc) override {
    return std::make_unique<GuardedOp>(copies_, backend_->MakeConv(desc));
  }
  std::unique_ptr<Op> MakeBatchNorm(const BatchNormDesc& desc) override {
    return std::make_unique<GuardedOp>(copies_, backend_->MakeBatchNorm(desc));
  }
  std::unique_ptr<Op> MakeMaxPool(const MaxPoolDesc& desc) override {
    return std::make_unique<GuardedOp>(copies_, backend_->MakeMaxPool(desc));
  }
  std::unique_ptr<MultiboxOp> MakeMultibox(const MultiboxDesc& desc) override {
    return std::make_unique<GuardedMultibox>(copies_, backend_->MakeMultibox(desc));
  }
  std::unique_ptr<DetectOp> MakeDetect(const DetectDesc& desc) override {
    return std::make_unique<GuardedDetect>(copies_, backend_->MakeDetect(desc), desc);
  }
  std::unique_ptr<SgdOp> MakeSgd(const SgdArgs& args) override {
    return std::make_unique<GuardedSgd>(
        copies_,
        backend_->MakeSgd({ToHost(args.w), ToHost(args.m), ToHost(args.gradient), args.size}));
  }
  void UnpackGradients() override { backend_->UnpackGradients(); }
  void PackGradients() override { backend_->PackGradients(); }
  std::unique_ptr<Recorded> Record(std::function<void()> calls) override {
    return backend_->Record(std::move(calls));
  }
  void Beside(const std::function<void(void* stream)>& enqueue) override {
    copies_.MakeUp();
    backend_->Beside(enqueue);
  }
  void Join() override { backend_->Join(); }
  bool Idle() override { return backend_->Idle(); }
  void Synchronize() override {
    backend_->Synchronize();
    copies_.MakeAll();
  }

 private:
  std::unique_ptr<Backend> backend_;
  Copies copies_;
};

}  // namespace

std::unique_ptr<Backend> Guard(std::unique_ptr<Backend> backend) {
  return std::make_unique<GuardedBackend>(std::move(backend));
}

}  // namespace ssd::testing
