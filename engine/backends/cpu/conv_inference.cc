// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "backends/cpu/conv.h"
#include "backends/cpu/conv_onednn.h"
#include "backends/cpu/winograd4.h"
#include "core/error.h"

namespace ssd {

using dnnl::memory;

namespace {

// Weights and bias with the BatchNorm behind them folded in: gamma (w x - mean) / sqrt(var + eps) +
// beta = (scale w) x + (beta - scale mean), in double.
struct Folded {
  std::vector<float> weight, bias;

  Folded(const ConvDesc& desc, const OpArgs& args) {
    const auto channels = static_cast<size_t>(desc.y.channels);
    const auto area = static_cast<size_t>(desc.x.channels * desc.kernel * desc.kernel);
    weight.assign(args.weight, args.weight + channels * area);
    bias.resize(channels);
    for (size_t c = 0; c < channels; ++c) {
      if (desc.bias) bias[c] = args.bias[c];
      if (!desc.fold) continue;
      const double scale = args.gamma[c] / std::sqrt(double{args.running_var[c]} + desc.eps);
      for (size_t i = c * area; i < (c + 1) * area; ++i)
        weight[i] = static_cast<float>(scale * weight[i]);
      bias[c] = static_cast<float>(args.beta[c] - scale * args.running_mean[c]);
    }
  }
};

class InferenceConv : public Op {
 public:
  InferenceConv(const CpuContext& context, const ConvDesc& desc);

  Needs needs() const override { return {0, forward_.scratchpad_desc().get_size()}; }
  void Bind(const OpArgs& args) override;
  void Forward() override { call_.Run(context_.stream); }
  void Backward() override { Throw(Status::kInternal, "an inference op has no backward pass"); }
  void Refresh() override;

 private:
  const CpuContext context_;
  const ConvDesc desc_;
  const ConvMemory memory_;
  dnnl::convolution_forward::primitive_desc forward_;
  memory packed_weight_, packed_bias_;  // own, made by Refresh
  OpArgs args_;
  PrimitiveCall call_;
};

InferenceConv::InferenceConv(const CpuContext& context, const ConvDesc& desc)
    : context_(context), desc_(desc), memory_(context, desc) {
  const auto& m = memory_;
  dnnl::primitive_attr attributes = ConvAttributes();
  dnnl::post_ops ops;
  if (desc.residual) ops.append_binary(dnnl::algorithm::binary_add, m.y);
  if (desc.relu) ops.append_eltwise(dnnl::algorithm::eltwise_relu, 0, 0);
  attributes.set_post_ops(ops);
  const memory::desc bias{{desc.y.channels}, memory::data_type::f32, memory::format_tag::x};
  forward_ = {context.engine,
              dnnl::prop_kind::forward_inference,
              kConvAlgorithm,
              m.x,
              m.any_weight,
              bias,
              m.y,
              m.stride,
              m.pad,
              m.pad,
              attributes};
  packed_weight_ = memory(forward_.weights_desc(), context.engine);
  packed_bias_ = memory(bias, context.engine);
}

void InferenceConv::Bind(const OpArgs& args) {
  args_ = args;
  std::vector<std::pair<int, memory>> list{
      {DNNL_ARG_SRC, At(context_, memory_.x, args.x)},
      {DNNL_ARG_WEIGHTS, packed_weight_},
      {DNNL_ARG_BIAS, packed_bias_},
      {DNNL_ARG_DST, At(context_, memory_.y, args.y)},
      {DNNL_ARG_SCRATCHPAD, At(context_, forward_.scratchpad_desc(), args.scratch)}};
  if (desc_.residual)
    list.emplace_back(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1,
                      At(context_, memory_.y, args.residual));
  call_ = {dnnl::convolution_forward(forward_), std::move(list)};
}

void InferenceConv::Refresh() {
  const Folded folded(desc_, args_);
  std::copy(folded.bias.begin(), folded.bias.end(),
            static_cast<float*>(packed_bias_.get_data_handle()));
  Reorder(At(context_, memory_.weight, folded.weight.data()), packed_weight_).Run(context_.stream);
}

// The same by Winograd.
class WinogradInferenceConv : public Op {
 public:
  WinogradInferenceConv(const CpuContext& context, const ConvDesc& desc)
      : desc_(desc),
        winograd_(context.threads, Winograd4::MapOf(desc)),
        packed_(winograd_.packed_bytes() / sizeof(float)) {}

  Needs needs() const override { return {0, winograd_.scratch_bytes()}; }
  void Bind(const OpArgs& args) override { args_ = args; }
  void Forward() override {
    winograd_.Run(
        args_.x, packed_.data(),
        {args_.y, desc_.y.layout == Layout::kHead, bias_.data(),
         static_cast<const bfloat16*>(desc_.residual ? args_.residual : nullptr), desc_.relu},
        args_.scratch);
  }
  void Backward() override { Throw(Status::kInternal, "an inference op has no backward pass"); }
  void Refresh() override {
    Folded folded(desc_, args_);
    bias_ = std::move(folded.bias);
    winograd_.Pack(folded.weight.data(), false, packed_.data());
  }

 private:
  const ConvDesc desc_;
  const Winograd4 winograd_;
  std::vector<float> packed_, bias_;  // made by Refresh
  OpArgs args_;
};

}  // namespace

std::unique_ptr<Op> MakeInferenceConv(const CpuContext& context, const ConvDesc& desc) {
  if (Winograd4::Gains(context) && Winograd4::Takes(desc))
    return std::make_unique<WinogradInferenceConv>(context, desc);
  return std::make_unique<InferenceConv>(context, desc);
}

}  // namespace ssd
