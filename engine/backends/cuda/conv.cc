// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/conv.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "backends/cuda/conv_graphs.h"
#include "backends/cuda/elementwise.h"
#include "backends/cuda/filters.h"
#include "backends/cuda/training_filters.h"
#include "backends/cuda/values.h"

namespace ssd {
namespace {

// Blocks one after another in an area, each on a 256-byte line.
class Layouter {
 public:
  size_t Add(size_t bytes) {
    const size_t offset = size_;
    size_ += (bytes + 255) / 256 * 256;
    return offset;
  }
  size_t size() const { return size_; }

 private:
  size_t size_ = 0;
};

ConvDesc GradientOf(ConvDesc desc) {
  if (desc.y.layout == Layout::kHead) desc.y.layout = Layout::kHeadGradient;
  return desc;
}

FilterShape ShapeOf(const ConvDesc& desc) {
  const auto narrow = [](int64_t v) { return static_cast<int32_t>(v); };
  return {narrow(desc.y.channels), narrow(desc.x.channels), narrow(desc.kernel * desc.kernel),
          narrow(CudaChannels(desc.y)), narrow(CudaChannels(desc.x))};
}

class CudaConv final : public Op {
 public:
  CudaConv(const CudaContext& context, PlanTarget& target, const ConvDesc& desc)
      : context_(context),
        target_(target),
        desc_(desc),
        shape_(ShapeOf(desc)),
        forward_(ConvForward(target, desc, desc.bias || desc.fold)) {
    if (desc.training) {
      training_filter_ = context.filters->Add(shape_);
      PlanBackward(GradientOf(desc));
    }
    scratch_ = std::max(scratch_, forward_.workspace());
  }

  Needs needs() const override { return {0, scratch_}; }

  void Bind(const OpArgs& args) override {
    SSD_CHECK(args.x != nullptr && args.y != nullptr && args.weight != nullptr);
    args_ = args;
    if (target_.handle() == nullptr) return;
    if (desc_.training) {
      context_.filters->Bind(context_, *training_filter_, args.weight, args.dweight);
    } else {
      filter_ = AllocateCuda(context_, static_cast<size_t>(shape_.padded_size()) * sizeof(__half));
    }
    bias_ = AllocateCuda(context_, static_cast<size_t>(shape_.padded_outputs) * sizeof(float));
    forward_pack_ = {
        {kConvX, const_cast<void*>(args.x)}, {kConvFilter, filter()}, {kConvY, args.y}};
    if (desc_.bias || desc_.fold) forward_pack_[kConvBias] = bias_->data();
    if (desc_.residual) forward_pack_[kConvResidual] = const_cast<void*>(args.residual);
    if (desc_.training) BindBackward();
  }

  void Forward() override {
    if (desc_.training && desc_.bias) PackBiases(nullptr);
    forward_.Run(target_, forward_pack_, args_.scratch);
  }

  void Backward() override {
    SSD_CHECK(desc_.training);
    if (summed_)
      SumGradient(context_, args_.dy, desc_.relu ? args_.y : nullptr,
                  static_cast<int64_t>(dy_bytes_ / sizeof(__half)), args_.scratch);
    filter_gradient_->Run(target_, filter_pack_, At(workspace_at_));
    if (desc_.bias) {
      bias_gradient_->Run(target_, bias_pack_, At(workspace_at_));
      SSD_CUDA(cudaMemcpyAsync(args_.dbias, At(dbias_at_),
                               static_cast<size_t>(shape_.outputs) * sizeof(float),
                               cudaMemcpyDeviceToDevice, context_.stream));
    }
    if (desc_.input_gradient) data_gradient_->Run(target_, data_pack_, At(workspace_at_));
  }

  void Refresh() override {
    if (desc_.training) return TrainingFilters::Pack(context_, *training_filter_);
    const FoldedNorm fold = {args_.gamma, args_.beta, args_.running_mean, args_.running_var,
                             desc_.eps};
    const FoldedNorm* norm = desc_.fold ? &fold : nullptr;
    PackFilter(context_, shape_, args_.weight, norm, static_cast<__half*>(filter_->data()));
    PackBiases(norm);
  }

 private:
  void PlanBackward(const ConvDesc& desc) {
    filter_gradient_.emplace(ConvFilterGradient(target_, desc));
    if (desc.bias) bias_gradient_.emplace(ConvBiasGradient(target_, desc));
    if (desc.input_gradient) data_gradient_.emplace(ConvDataGradient(target_, desc));
    dy_bytes_ = CudaBytes(desc.y);
    // The sum of the gradient's terms at 0, then what the plans leave, then their workspace.
    Layouter area;
    area.Add(dy_bytes_);
    dbias_at_ = area.Add(static_cast<size_t>(shape_.padded_outputs) * sizeof(float));
    workspace_at_ = area.size();
    for (const auto* plan : {&filter_gradient_, &bias_gradient_, &data_gradient_}) {
      if (plan->has_value()) scratch_ = std::max(scratch_, workspace_at_ + (*plan)->workspace());
    }
    scratch_ = std::max(scratch_, workspace_at_);
  }

  void BindBackward() {
    SSD_CHECK(!args_.dy.empty() && args_.dweight != nullptr);
    SSD_CHECK(!desc_.bias || args_.dbias != nullptr);
    summed_ = desc_.relu || args_.dy.size() > 1;
    void* dy = summed_ ? args_.scratch : const_cast<void*>(args_.dy.front());
    filter_pack_ = {{kConvDy, dy},
                    {kConvX, const_cast<void*>(args_.x)},
                    {kConvDFilter, training_filter_->gradient()}};
    bias_pack_ = {{kConvDy, dy}, {kConvDBias, At(dbias_at_)}};
    data_pack_ = {{kConvDy, dy}, {kConvFilter, filter()}, {kConvDx, args_.dx}};
  }

  void* filter() const { return desc_.training ? training_filter_->filter() : filter_->data(); }
  void PackBiases(const FoldedNorm* norm) {
    PackBias(context_, shape_, desc_.bias ? args_.bias : nullptr, norm,
             static_cast<float*>(bias_->data()));
  }

  void* At(size_t offset) const { return static_cast<std::byte*>(args_.scratch) + offset; }

  const CudaContext context_;
  PlanTarget& target_;
  const ConvDesc desc_;
  const FilterShape shape_;
  CudnnPlan forward_;
  std::optional<CudnnPlan> filter_gradient_, bias_gradient_, data_gradient_;
  size_t scratch_ = 0, dy_bytes_ = 0, dbias_at_ = 0, workspace_at_ = 0;
  bool summed_ = false;  // dy is the sum in the scratch area
  std::shared_ptr<TrainingFilter> training_filter_;
  std::unique_ptr<DeviceMemory> filter_, bias_;  // as cuDNN reads them; filter_ of inference
  PlanPack forward_pack_, filter_pack_, bias_pack_, data_pack_;
  OpArgs args_;
};

}  // namespace

std::unique_ptr<Op> MakeCudaConv(const CudaContext& context, PlanTarget& target,
                                 const ConvDesc& desc) {
  SSD_CHECK(!desc.training || (!desc.fold && !desc.residual));
  return std::make_unique<CudaConv>(context, target, desc);
}

}  // namespace ssd
