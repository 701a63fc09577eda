// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "testing/plain_backend.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/error.h"
#include "testing/reference.h"

namespace ssd::testing {
namespace {

int64_t Count(const ValueDesc& v) { return v.batch * v.height * v.width; }

std::vector<double> Wide(const float* v, int64_t size) {
  return v == nullptr ? std::vector<double>() : std::vector<double>(v, v + size);
}
void Store(const std::vector<double>& v, float* data) {
  std::ranges::transform(v, data, [](double x) { return static_cast<float>(x); });
}

// Values as tensors.
class Values {
 public:
  explicit Values(Backend& backend) : backend_(backend) {}
  Tensor Get(const ValueDesc& desc, const void* data) const {
    Tensor t(desc.batch, desc.channels, desc.height, desc.width);
    std::vector<float> v(t.v.size());
    backend_.Export(desc, data, v);
    t.v.assign(v.begin(), v.end());
    return t;
  }
  Tensor Sum(const ValueDesc& desc, const std::vector<const void*>& terms) const {
    Tensor sum(desc.batch, desc.channels, desc.height, desc.width);
    for (const void* term : terms) sum = sum + Get(desc, term);
    return sum;
  }
  void Put(const ValueDesc& desc, const Tensor& t, void* data) const {
    backend_.Import(desc, std::vector<float>(t.v.begin(), t.v.end()), data);
  }

 private:
  Backend& backend_;
};

// What a BatchNorm saves: mean and variance, [2, channels] doubles.
Statistics Saved(const void* saved, int64_t channels) {
  const auto* at = static_cast<const double*>(saved);
  return {{at, at + channels}, {at + channels, at + 2 * channels}};
}

class PlainConv final : public Op {
 public:
  PlainConv(Backend& backend, const ConvDesc& desc) : values_(backend), desc_(desc) {
    SSD_CHECK(desc.training);
    if (desc_.y.layout == Layout::kHead) dy_.layout = Layout::kHeadGradient;
  }
  Needs needs() const override { return {}; }
  void Bind(const OpArgs& args) override {
    args_ = args;
    SSD_CHECK(desc_.statistics == (args.sums != nullptr));
    SSD_CHECK(desc_.normalise == (args.norm != nullptr));
    SSD_CHECK(desc_.dx_terms == static_cast<int64_t>(args.dx_terms.size()));
    SSD_CHECK(!desc_.finished || args.dy.size() == 1);
  }

  void Forward() override {
    const int64_t channels = desc_.y.channels;
    Tensor y = Convolve(Input(), Weight(), Wide(args_.bias, channels), channels, window());
    if (desc_.relu) y = Relu(y);
    values_.Put(desc_.y, y, args_.y);
    if (!desc_.statistics) return;
    const Statistics s = StatisticsOf(y);
    const auto n = static_cast<double>(Count(desc_.y));
    for (size_t c = 0; c < s.mean.size(); ++c) {
      args_.sums[c] = static_cast<float>(n * s.mean[c]);
      args_.sums[s.mean.size() + c] =
          static_cast<float>(n * (s.variance[c] + s.mean[c] * s.mean[c]));
    }
  }

  void Backward() override {
    Tensor dy = values_.Sum(dy_, args_.dy);
    if (desc_.relu && !desc_.finished) dy = ReluGradient(dy, values_.Get(desc_.y, args_.y));
    const Tensor x = Input();
    ConvGradients g = ConvolveBackward(x, Weight(), dy, window());
    Store(g.dweight, args_.dweight);
    if (desc_.bias) Store(g.dbias, args_.dbias);
    if (!desc_.input_gradient) return;
    g.dx = g.dx + values_.Sum(desc_.x, args_.dx_terms);
    if (desc_.dx_relu || desc_.normalise) g.dx = ReluGradient(g.dx, x);
    values_.Put(desc_.x, g.dx, args_.dx);
    if (!desc_.normalise) return;
    const BatchNormGradients norm = NormaliseBackward(
        values_.Get(desc_.x, args_.x), Wide(args_.gamma, desc_.x.channels), g.dx, norm_eps());
    Store(norm.dgamma, args_.dgamma);
    Store(norm.dbeta, args_.dbeta);
  }

 private:
  Window window() const { return {desc_.kernel, desc_.stride, desc_.pad}; }
  double norm_eps() const { return double{desc_.eps}; }
  std::vector<double> Weight() const {
    return Wide(args_.weight, desc_.y.channels * desc_.x.channels * desc_.kernel * desc_.kernel);
  }
  Tensor Input() const {
    const Tensor x = values_.Get(desc_.x, args_.x);
    if (!desc_.normalise) return x;
    const int64_t channels = desc_.x.channels;
    return Relu(Normalise(x, Saved(args_.norm, channels), Wide(args_.gamma, channels),
                          Wide(args_.beta, channels), norm_eps()));
  }

  const Values values_;
  const ConvDesc desc_;
  ValueDesc dy_ = desc_.y;
  OpArgs args_;
};

class PlainBatchNorm final : public Op {
 public:
  PlainBatchNorm(Backend& backend, const BatchNormDesc& desc) : values_(backend), desc_(desc) {
    SSD_CHECK(desc.training);
  }
  Needs needs() const override {
    return {2 * static_cast<size_t>(desc_.x.channels) * sizeof(double), 0};
  }
  void Bind(const OpArgs& args) override {
    args_ = args;
    SSD_CHECK(desc_.sums == (args.sums != nullptr) && desc_.deferred == (args.y == nullptr));
    SSD_CHECK((desc_.residual && !desc_.finished) == (args.dresidual != nullptr));
    SSD_CHECK(!desc_.finished || args.dy.size() == 1);
    SSD_CHECK(desc_.residual_rest == (args.residual_rest != nullptr));
    SSD_CHECK(desc_.y_rest == (args.y_rest != nullptr));
  }

  void Forward() override {
    const Statistics batch = desc_.sums ? FromSums() : StatisticsOf(values_.Get(desc_.x, args_.x));
    auto* saved = static_cast<double*>(args_.saved);
    std::ranges::copy(batch.variance, std::ranges::copy(batch.mean, saved).out);
    const int64_t c = desc_.x.channels;
    const Statistics next = UpdateRunning({Wide(args_.running_mean, c), Wide(args_.running_var, c)},
                                          batch, double{desc_.momentum}, Count(desc_.x));
    Store(next.mean, args_.running_mean);
    Store(next.variance, args_.running_var);
    if (desc_.deferred) return;
    const Tensor y = Output(batch);
    values_.Put(desc_.x, y, args_.y);
    if (desc_.y_rest) PutRest(y);
    if (desc_.relu) positive_ = y;
  }

  void Backward() override {
    Tensor dy = values_.Sum(desc_.x, args_.dy);
    if (desc_.relu && !desc_.finished) dy = ReluGradient(dy, positive_);
    if (args_.dresidual != nullptr) values_.Put(desc_.x, dy, args_.dresidual);
    const auto g = NormaliseBackward(values_.Get(desc_.x, args_.x), Gamma(), dy, double{desc_.eps});
    values_.Put(desc_.x, g.dx, args_.dx);
    if (desc_.deferred) return;  // the convolution behind has written them
    Store(g.dgamma, args_.dgamma);
    Store(g.dbeta, args_.dbeta);
  }

 private:
  void PutRest(Tensor y) const {
    const Tensor rounded = values_.Get(desc_.x, args_.y);
    for (size_t i = 0; i < y.v.size(); ++i) y.v[i] -= rounded.v[i];
    values_.Put(desc_.x, y, args_.y_rest);
  }
  std::vector<double> Gamma() const { return Wide(args_.gamma, desc_.x.channels); }
  Tensor Output(const Statistics& batch) const {
    Tensor y = Normalise(values_.Get(desc_.x, args_.x), batch, Gamma(),
                         Wide(args_.beta, desc_.x.channels), double{desc_.eps});
    if (desc_.residual) y = y + values_.Get(desc_.x, args_.residual);
    if (desc_.residual_rest) y = y + values_.Get(desc_.x, args_.residual_rest);
    return desc_.relu ? Relu(y) : y;
  }
  Statistics FromSums() const {
    const auto c = static_cast<size_t>(desc_.x.channels);
    const auto n = static_cast<double>(Count(desc_.x));
    Statistics s{std::vector<double>(c), std::vector<double>(c)};
    for (size_t i = 0; i < c; ++i) {
      s.mean[i] = args_.sums[i] / n;
      s.variance[i] = std::max(0.0, args_.sums[c + i] / n - s.mean[i] * s.mean[i]);
    }
    return s;
  }

  const Values values_;
  const BatchNormDesc desc_;
  OpArgs args_;
  Tensor positive_;  // y, whose memory Backward may not read
};

class PlainBackend final : public Backend {
 public:
  PlainBackend(std::unique_ptr<Backend> rest, Asked* asked)
      : rest_(std::move(rest)), asked_(asked) {
    SSD_CHECK(rest_->memory_is_host() && rest_->precision() == Precision::kF32);
  }
  std::string Describe() const override { return "plain loops"; }
  Precision precision() const override { return Precision::kF32; }
  bool fuses() const override { return true; }
  bool keeps_rests() const override { return true; }
  size_t Bytes(const ValueDesc& value) const override { return rest_->Bytes(value); }
  int64_t image_channels() const override { return rest_->image_channels(); }
  int64_t head_channels(int64_t shapes) const override { return rest_->head_channels(shapes); }
  void Import(const ValueDesc& value, std::span<const float> nchw, void* data) override {
    rest_->Import(value, nchw, data);
  }
  void Export(const ValueDesc& value, const void* data, std::span<float> nchw) override {
    rest_->Export(value, data, nchw);
  }
  std::unique_ptr<DeviceMemory> Allocate(size_t bytes) override { return rest_->Allocate(bytes); }
  bool memory_is_host() const override { return true; }
  void Upload(void* device, std::span<const std::byte> host) override {
    rest_->Upload(device, host);
  }
  void Download(std::span<std::byte> host, const void* device) override {
    rest_->Download(host, device);
  }
  void Copy(void* to, const void* from, size_t bytes) override { rest_->Copy(to, from, bytes); }
  std::unique_ptr<Op> MakeConv(const ConvDesc& desc) override {
    if (asked_ != nullptr) asked_->convs.push_back(desc);
    if (!desc.training) return rest_->MakeConv(desc);
    return std::make_unique<PlainConv>(*rest_, desc);
  }
  std::unique_ptr<Op> MakeBatchNorm(const BatchNormDesc& desc) override {
    if (asked_ != nullptr) asked_->norms.push_back(desc);
    if (!desc.training) return rest_->MakeBatchNorm(desc);
    return std::make_unique<PlainBatchNorm>(*rest_, desc);
  }
  std::unique_ptr<Op> MakeMaxPool(const MaxPoolDesc& desc) override {
    return rest_->MakeMaxPool(desc);
  }
  std::unique_ptr<MultiboxOp> MakeMultibox(const MultiboxDesc& desc) override {
    return rest_->MakeMultibox(desc);
  }
  std::unique_ptr<DetectOp> MakeDetect(const DetectDesc& desc) override {
    return rest_->MakeDetect(desc);
  }
  std::unique_ptr<SgdOp> MakeSgd(const SgdArgs& args) override { return rest_->MakeSgd(args); }
  void UnpackGradients() override { rest_->UnpackGradients(); }
  void PackGradients() override { rest_->PackGradients(); }
  std::unique_ptr<Recorded> Record(std::function<void()> calls) override {
    return rest_->Record(std::move(calls));
  }
  void Beside(const std::function<void(void* stream)>& enqueue) override { rest_->Beside(enqueue); }
  void Join() override { rest_->Join(); }
  bool Idle() override { return rest_->Idle(); }
  void Synchronize() override { rest_->Synchronize(); }

 private:
  std::unique_ptr<Backend> rest_;
  Asked* asked_;
};

}  // namespace

std::unique_ptr<Backend> MakePlainBackend(std::unique_ptr<Backend> rest, Asked* asked) {
  return std::make_unique<PlainBackend>(std::move(rest), asked);
}

}  // namespace ssd::testing
