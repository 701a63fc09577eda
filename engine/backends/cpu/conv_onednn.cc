// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/conv_onednn.h"

namespace ssd {

using dnnl::memory;

memory::desc ChannelsLast(const ValueDesc& v, memory::data_type type) {
  return {{v.batch, v.channels, v.height, v.width}, type, memory::format_tag::nhwc};
}

ConvMemory::ConvMemory(const CpuContext& context, const ConvDesc& desc)
    : x(ChannelsLast(desc.x, context.type())),
      y(ChannelsLast(desc.y,
                     desc.y.layout == Layout::kHead ? memory::data_type::f32 : context.type())),
      stride{desc.stride, desc.stride},
      pad{desc.pad, desc.pad} {
  const memory::dims shape{desc.y.channels, desc.x.channels, desc.kernel, desc.kernel};
  weight = {shape, memory::data_type::f32, memory::format_tag::oihw};
  any_weight = {shape, context.type(), memory::format_tag::any};
  if (desc.bias) bias = {{desc.y.channels}, memory::data_type::f32, memory::format_tag::x};
}

dnnl::primitive_attr ConvAttributes() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attributes.set_fpmath_mode(dnnl::fpmath_mode::strict);
  return attributes;
}

memory At(const CpuContext& context, const memory::desc& desc, const void* data, size_t offset) {
  auto* begin = static_cast<std::byte*>(const_cast<void*>(data));
  return {desc, context.engine, begin + offset};
}

PrimitiveCall Reorder(const memory& from, const memory& to) {
  return {dnnl::reorder(from, to), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}};
}

OneDnnForward::OneDnnForward(const CpuContext& context, const ConvDesc& desc)
    : context_(context), bias_(desc.bias), memory_(context, desc) {
  const auto& m = memory_;
  dnnl::primitive_attr fused = ConvAttributes();
  if (desc.relu) {
    dnnl::post_ops ops;
    ops.append_eltwise(dnnl::algorithm::eltwise_relu, 0, 0);
    fused.set_post_ops(ops);
  }
  forward_ = {context.engine,
              dnnl::prop_kind::forward_training,
              kConvAlgorithm,
              m.x,
              m.any_weight,
              m.bias,
              m.y,
              m.stride,
              m.pad,
              m.pad,
              fused};
  weight_ = scratch_.Add(forward_.weights_desc().get_size());
  pad_ = scratch_.Add(forward_.scratchpad_desc().get_size());
}

void OneDnnForward::Bind(const OpArgs& args, const void* /*dy*/, void* scratch) {
  const memory weight = At(context_, forward_.weights_desc(), scratch, weight_);
  calls_.push_back(Reorder(At(context_, memory_.weight, args.weight), weight));
  std::vector<std::pair<int, memory>> list{
      {DNNL_ARG_SRC, At(context_, memory_.x, args.x)},
      {DNNL_ARG_WEIGHTS, weight},
      {DNNL_ARG_DST, At(context_, memory_.y, args.y)},
      {DNNL_ARG_SCRATCHPAD, At(context_, forward_.scratchpad_desc(), scratch, pad_)}};
  if (bias_) list.emplace_back(DNNL_ARG_BIAS, At(context_, memory_.bias, args.bias));
  calls_.emplace_back(dnnl::convolution_forward(forward_), std::move(list));
}

void OneDnnForward::Run() {
  for (const auto& call : calls_) call.Run(context_.stream);
}

OneDnnBackward::OneDnnBackward(const CpuContext& context, const ConvDesc& desc)
    : context_(context),
      desc_(desc),
      memory_(context, desc),
      dy_(ChannelsLast(desc.y, context.type())) {
  const auto& m = memory_;
  const auto& engine = context.engine;
  // The hint of the backward primitives has their gradient's type.
  const dnnl::convolution_forward::primitive_desc hint(
      engine, dnnl::prop_kind::forward_training, kConvAlgorithm, m.x, m.any_weight, m.bias, dy_,
      m.stride, m.pad, m.pad, ConvAttributes());
  const memory::desc any_dw(m.weight.get_dims(), memory::data_type::f32, memory::format_tag::any);
  weights_ = {engine,   kConvAlgorithm, m.x,   any_dw, m.bias,          dy_,
              m.stride, m.pad,          m.pad, hint,   ConvAttributes()};
  dweight_ = of_weights_.Add(weights_.diff_weights_desc().get_size());
  weights_pad_ = of_weights_.Add(weights_.scratchpad_desc().get_size());
  if (!desc.input_gradient) return;
  data_ = {engine,   kConvAlgorithm, m.x,   m.any_weight, dy_,
           m.stride, m.pad,          m.pad, hint,         ConvAttributes()};
  weight_ = of_data_.Add(data_.weights_desc().get_size());
  data_pad_ = of_data_.Add(data_.scratchpad_desc().get_size());
}

void OneDnnBackward::Bind(const OpArgs& args, const void* dy, void* scratch) {
  BindWeights(args, dy, scratch);
  if (desc_.input_gradient) BindData(args, dy, scratch);
}

void OneDnnBackward::BindWeights(const OpArgs& args, const void* dy, void* scratch) {
  const memory::desc packed = weights_.diff_weights_desc();
  const bool direct = packed == memory_.weight;
  const memory dweight =
      direct ? At(context_, packed, args.dweight) : At(context_, packed, scratch, dweight_);
  std::vector<std::pair<int, memory>> list{
      {DNNL_ARG_SRC, At(context_, memory_.x, args.x)},
      {DNNL_ARG_DIFF_DST, At(context_, dy_, dy)},
      {DNNL_ARG_DIFF_WEIGHTS, dweight},
      {DNNL_ARG_SCRATCHPAD, At(context_, weights_.scratchpad_desc(), scratch, weights_pad_)}};
  if (desc_.bias) list.emplace_back(DNNL_ARG_DIFF_BIAS, At(context_, memory_.bias, args.dbias));
  calls_.emplace_back(dnnl::convolution_backward_weights(weights_), std::move(list));
  if (!direct) calls_.push_back(Reorder(dweight, At(context_, memory_.weight, args.dweight)));
}

void OneDnnBackward::BindData(const OpArgs& args, const void* dy, void* scratch) {
  const memory weight = At(context_, data_.weights_desc(), scratch, weight_);
  calls_.push_back(Reorder(At(context_, memory_.weight, args.weight), weight));
  calls_.emplace_back(
      dnnl::convolution_backward_data(data_),
      std::vector<std::pair<int, memory>>{
          {DNNL_ARG_DIFF_DST, At(context_, dy_, dy)},
          {DNNL_ARG_WEIGHTS, weight},
          {DNNL_ARG_DIFF_SRC, At(context_, memory_.x, args.dx)},
          {DNNL_ARG_SCRATCHPAD, At(context_, data_.scratchpad_desc(), scratch, data_pad_)}});
}

void OneDnnBackward::Run() {
  for (const auto& call : calls_) call.Run(context_.stream);
}

}  // namespace ssd
