// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/conv.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "backends/cuda/batch_norm.h"
#include "backends/cuda/conv_plans.h"
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
        forward_(PlanForward(target, desc)) {
    Layouter area;
    if (desc.normalise && !forward_.normalises) normalised_at_ = area.Add(CudaBytes(desc.x));
    if (desc.statistics && !forward_.sums) sums_at_ = area.Add(NormScratch(desc.y));
    workspace_at_ = area.Add(forward_.plan.workspace());
    scratch_ = area.size();
    if (!desc.training) return;
    training_filter_ = context.filters->Add(shape_);
    PlanBackward(GradientOf(desc));
  }

  Needs needs() const override { return {0, scratch_}; }

  void Bind(const OpArgs& args) override {
    SSD_CHECK(args.x != nullptr && args.y != nullptr && args.weight != nullptr);
    SSD_CHECK(desc_.statistics == (args.sums != nullptr));
    SSD_CHECK(desc_.normalise == (args.norm != nullptr));
    args_ = args;
    if (target_.handle() == nullptr) return;
    if (desc_.training) {
      context_.filters->Bind(context_, *training_filter_, args.weight, args.dweight);
    } else {
      filter_ = AllocateCuda(context_, static_cast<size_t>(shape_.padded_size()) * sizeof(__half));
      bias_ = AllocateCuda(context_, static_cast<size_t>(shape_.padded_outputs) * sizeof(float));
    }
    if (desc_.normalise) norm_ = NormStateOf(const_cast<void*>(args.norm), desc_.x.channels);
    forward_pack_ = {{kConvFilter, filter()}, {kConvY, args.y}};
    BindInput(forward_.normalises, normalised_at_, forward_pack_);
    if (desc_.bias || desc_.fold) forward_pack_[kConvBias] = bias();
    if (desc_.residual) forward_pack_[kConvResidual] = const_cast<void*>(args.residual);
    if (forward_.sums) {
      forward_pack_[kConvSum] = args.sums;
      forward_pack_[kConvSquares] = args.sums + desc_.y.channels;
    }
    if (desc_.training) BindBackward();
  }

  void Forward() override {
    NormaliseUnless(forward_.normalises, normalised_at_);
    forward_.plan.Run(target_, forward_pack_, At(workspace_at_));
    if (desc_.statistics && !forward_.sums)
      NormSums(context_, desc_.y, args_.y, At(sums_at_), args_.sums);
  }

  void Backward() override {
    SSD_CHECK(desc_.training);
    if (summed_)
      SumGradient(context_, args_.dy, desc_.relu && !desc_.finished ? args_.y : nullptr,
                  static_cast<int64_t>(dy_bytes_ / sizeof(__half)), args_.scratch);
    NormaliseUnless(filter_gradient_->normalises, back_.normalised);
    filter_gradient_->plan.Run(target_, filter_pack_, At(back_.workspace));
    if (desc_.bias) bias_gradient_->Run(target_, bias_pack_, At(back_.workspace));
    if (!desc_.input_gradient) return;
    data_gradient_->plan.Run(target_, data_pack_, At(back_.workspace));
    Finish();
  }

  void Refresh() override {
    if (desc_.training) return TrainingFilters::Pack(context_, *training_filter_);
    const FoldedNorm fold = {args_.gamma, args_.beta, args_.running_mean, args_.running_var,
                             desc_.eps};
    const FoldedNorm* norm = desc_.fold ? &fold : nullptr;
    PackFilter(context_, shape_, args_.weight, norm, static_cast<__half*>(filter_->data()));
    PackBias(context_, shape_, desc_.bias ? args_.bias : nullptr, norm,
             static_cast<float*>(bias_->data()));
  }

 private:
  void PlanBackward(const ConvDesc& desc) {
    filter_gradient_.emplace(PlanFilterGradient(target_, desc));
    if (desc.bias) {
      bias_gradient_.emplace(ConvBiasGradient(target_, desc));
      bias_gradient_->Require();
    }
    if (desc.input_gradient) data_gradient_.emplace(PlanDataGradient(target_, desc));
    dy_bytes_ = CudaBytes(desc.y);
    // The sum of the gradient's terms at 0, then what the plans read and leave, then their
    // workspace.
    Layouter area;
    if (!desc.finished) area.Add(dy_bytes_);
    if (desc.normalise) {
      if (!filter_gradient_->normalises) back_.normalised = area.Add(CudaBytes(desc.x));
      back_.factors = area.Add(3 * static_cast<size_t>(desc.x.channels) * sizeof(float));
      back_.sums = area.Add(NormScratch(desc.x));
    }
    size_t workspace = filter_gradient_->plan.workspace();
    if (bias_gradient_) workspace = std::max(workspace, bias_gradient_->workspace());
    if (data_gradient_) workspace = std::max(workspace, data_gradient_->plan.workspace());
    back_.workspace = area.Add(workspace);
    scratch_ = std::max(scratch_, area.size());
  }

  void BindBackward() {
    SSD_CHECK(!args_.dy.empty() && args_.dweight != nullptr);
    SSD_CHECK(!desc_.bias || args_.dbias != nullptr);
    SSD_CHECK(!desc_.finished || args_.dy.size() == 1);
    SSD_CHECK(static_cast<int64_t>(args_.dx_terms.size()) == desc_.dx_terms);
    summed_ = (desc_.relu && !desc_.finished) || args_.dy.size() > 1;
    void* dy = summed_ ? args_.scratch : const_cast<void*>(args_.dy.front());
    filter_pack_ = {{kConvDy, dy}, {kConvDFilter, training_filter_->gradient()}};
    BindInput(filter_gradient_->normalises, back_.normalised, filter_pack_);
    bias_pack_ = {{kConvDy, dy}, {kConvDBias, args_.dbias}};
    data_pack_ = {{kConvDy, dy}, {kConvFilter, filter()}, {kConvDx, args_.dx}};
    if (desc_.input_gradient && data_gradient_->finishes) BindFinish();
  }
  void BindFinish() {
    for (size_t t = 0; t < args_.dx_terms.size(); ++t)
      data_pack_[kConvTerm + static_cast<int64_t>(t)] = const_cast<void*>(args_.dx_terms[t]);
    if (desc_.dx_relu) data_pack_[kConvX] = const_cast<void*>(args_.x);
    if (!desc_.normalise) return;
    if (!data_gradient_->sums) return BindInput(true, 0, data_pack_);
    auto* factors = static_cast<float*>(At(back_.factors));
    data_pack_.insert({{kConvX, const_cast<void*>(args_.x)},
                       {kConvMean, norm_.mean},
                       {kConvInverseStd, norm_.inverse_std},
                       {kConvGamma, const_cast<float*>(args_.gamma)},
                       {kConvBeta, const_cast<float*>(args_.beta)},
                       {kConvDGamma, args_.dgamma},
                       {kConvDBeta, args_.dbeta}});
    for (int64_t f = 0; f < 3; ++f) data_pack_[kConvFactors + f] = factors + f * desc_.x.channels;
  }

  // x for a plan that normalises it, or is given it normalised, or needs neither.
  void BindInput(bool normalises, size_t normalised_at, PlanPack& pack) const {
    pack[kConvX] = desc_.normalise && !normalises ? At(normalised_at) : const_cast<void*>(args_.x);
    if (!normalises) return;
    pack[kConvScale] = norm_.scale;
    pack[kConvShift] = norm_.shift;
  }
  void NormaliseUnless(bool done, size_t at) const {
    if (desc_.normalise && !done)
      Normalise(context_, desc_.x, args_.x, norm_, args_.gamma, args_.beta, At(at));
  }
  // What the plan of the data gradient has left to do.
  void Finish() const {
    if (!data_gradient_->finishes && (desc_.dx_relu || desc_.dx_terms > 0)) {
      std::vector<const void*> terms = args_.dx_terms;
      terms.push_back(args_.dx);
      SumGradient(context_, terms, desc_.dx_relu ? args_.x : nullptr,
                  static_cast<int64_t>(CudaBytes(desc_.x) / sizeof(__half)), args_.dx);
    }
    if (desc_.normalise && !data_gradient_->sums)
      NormGradient(context_, desc_.x, args_.x, norm_, args_.gamma, args_.beta, args_.dx,
                   At(back_.sums), args_.dgamma, args_.dbeta);
  }

  void* filter() const { return desc_.training ? training_filter_->filter() : filter_->data(); }
  // In training the parameter itself: zero behind its end, as is the gradient that is found there.
  void* bias() const { return desc_.training ? const_cast<float*>(args_.bias) : bias_->data(); }

  void* At(size_t offset) const { return static_cast<std::byte*>(args_.scratch) + offset; }

  const CudaContext context_;
  PlanTarget& target_;
  const ConvDesc desc_;
  const FilterShape shape_;
  ConvPlan forward_;
  std::optional<ConvPlan> filter_gradient_, data_gradient_;
  std::optional<CudnnPlan> bias_gradient_;
  // In the scratch area: in Forward, and in Backward behind the summed dy.
  size_t normalised_at_ = 0, sums_at_ = 0, workspace_at_ = 0;
  struct {
    size_t normalised = 0, factors = 0, sums = 0, workspace = 0;
  } back_;
  size_t scratch_ = 0, dy_bytes_ = 0;
  bool summed_ = false;  // dy is the sum in the scratch area
  std::shared_ptr<TrainingFilter> training_filter_;
  std::unique_ptr<DeviceMemory> filter_, bias_;  // of inference, as cuDNN reads them
  NormState norm_{};
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
