// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "backends/cpu/conv.h"
#include "core/error.h"

namespace ssd {

using dnnl::memory;

namespace {

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
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attributes.set_fpmath_mode(dnnl::fpmath_mode::strict);
  dnnl::post_ops ops;
  if (desc.residual) ops.append_binary(dnnl::algorithm::binary_add, m.y);
  if (desc.relu) ops.append_eltwise(dnnl::algorithm::eltwise_relu, 0, 0);
  attributes.set_post_ops(ops);
  const memory::desc bias{{desc.y.channels}, memory::data_type::f32, memory::format_tag::x};
  forward_ = {context.engine,
              dnnl::prop_kind::forward_inference,
              dnnl::algorithm::convolution_direct,
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
  const auto on = [&](const memory::desc& desc, const void* data) {
    return memory(desc, context_.engine, const_cast<void*>(data));
  };
  std::vector<std::pair<int, memory>> list{
      {DNNL_ARG_SRC, on(memory_.x, args.x)},
      {DNNL_ARG_WEIGHTS, packed_weight_},
      {DNNL_ARG_BIAS, packed_bias_},
      {DNNL_ARG_DST, on(memory_.y, args.y)},
      {DNNL_ARG_SCRATCHPAD, on(forward_.scratchpad_desc(), args.scratch)}};
  if (desc_.residual)
    list.emplace_back(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1,
                      on(memory_.y, args.residual));
  call_ = {dnnl::convolution_forward(forward_), std::move(list)};
}

// gamma (w x - mean) / sqrt(var + eps) + beta = (scale w) x + (beta - scale mean), in double.
void InferenceConv::Refresh() {
  const auto channels = static_cast<size_t>(desc_.y.channels);
  const size_t area = memory_.weight.get_size() / sizeof(float) / channels;
  std::vector<float> weight(args_.weight, args_.weight + channels * area);
  auto* bias = static_cast<float*>(packed_bias_.get_data_handle());
  for (size_t c = 0; c < channels; ++c) {
    bias[c] = desc_.bias ? args_.bias[c] : 0;
    if (!desc_.fold) continue;
    const double scale = args_.gamma[c] / std::sqrt(double{args_.running_var[c]} + desc_.eps);
    for (size_t i = c * area; i < (c + 1) * area; ++i)
      weight[i] = static_cast<float>(scale * weight[i]);
    bias[c] = static_cast<float>(args_.beta[c] - scale * args_.running_mean[c]);
  }
  const memory from(memory_.weight, context_.engine, weight.data());
  PrimitiveCall(dnnl::reorder(from, packed_weight_),
                {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, packed_weight_}})
      .Run(context_.stream);
}

}  // namespace

std::unique_ptr<Op> MakeInferenceConv(const CpuContext& context, const ConvDesc& desc) {
  return std::make_unique<InferenceConv>(context, desc);
}

}  // namespace ssd
