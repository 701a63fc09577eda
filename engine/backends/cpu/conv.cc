// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/conv.h"

#include <algorithm>

#include "backends/cpu/elementwise.h"
#include "backends/cpu/sparse_head.h"
#include "backends/cpu/winograd.h"
#include "core/error.h"

namespace ssd {

using dnnl::memory;
using Forward = dnnl::convolution_forward;
using BackwardData = dnnl::convolution_backward_data;
using BackwardWeights = dnnl::convolution_backward_weights;

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

namespace {

class TrainingConv : public Op {
 public:
  TrainingConv(const CpuContext& context, const ConvDesc& desc);

  Needs needs() const override { return {0, scratch_}; }
  void Bind(const OpArgs& args) override;
  void Forward() override;
  void Backward() override;

 private:
  void PlanScratch();
  void BindForward(const OpArgs& args);
  void BindBackwardWeights(const OpArgs& args, void* dy);
  void BindBackwardData(const OpArgs& args, void* dy);
  PrimitiveCall Reorder(const memory& from, const memory& to) const;
  memory At(const memory::desc& desc, size_t offset) const {
    return {desc, context_.engine, static_cast<std::byte*>(args_.scratch) + offset};
  }
  memory On(const memory::desc& desc, const void* data) const {
    return {desc, context_.engine, const_cast<void*>(data)};
  }

  const CpuContext context_;
  const ConvDesc desc_;
  const ConvMemory memory_;
  memory::desc dy_;  // of the activation type, also for heads
  Forward::primitive_desc forward_;
  BackwardWeights::primitive_desc backward_weights_;
  BackwardData::primitive_desc backward_data_;  // empty without input gradient
  // Offsets in the scratch area. The summed gradient of y outlives the backward primitives; they
  // use what lies behind it one after the other, as Forward does from 0.
  size_t dy_end_ = 0, scratch_ = 0;
  OpArgs args_;
  std::vector<PrimitiveCall> forward_calls_, backward_calls_;
  std::unique_ptr<SparseHead> sparse_;  // of heads
  std::unique_ptr<Winograd> winograd_;  // or null: then oneDNN's backward primitives
};

TrainingConv::TrainingConv(const CpuContext& context, const ConvDesc& desc)
    : context_(context),
      desc_(desc),
      memory_(context, desc),
      dy_(ChannelsLast(desc.y, context.type())) {
  const auto& m = memory_;
  const auto algorithm = dnnl::algorithm::convolution_direct;
  dnnl::primitive_attr plain, fused;  // two objects: a copy would be the same one
  plain.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  fused.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  plain.set_fpmath_mode(dnnl::fpmath_mode::strict);
  fused.set_fpmath_mode(dnnl::fpmath_mode::strict);
  if (desc.relu) {
    dnnl::post_ops ops;
    ops.append_eltwise(dnnl::algorithm::eltwise_relu, 0, 0);
    fused.set_post_ops(ops);
  }
  const auto& engine = context.engine;
  forward_ = {engine,       dnnl::prop_kind::forward_training,
              algorithm,    m.x,
              m.any_weight, m.bias,
              m.y,          m.stride,
              m.pad,        m.pad,
              fused};
  if (Winograd::Gains(context) && Winograd::Takes(desc)) {
    winograd_ = std::make_unique<Winograd>(context, desc);
    PlanScratch();
    return;
  }
  // The hint of the backward primitives has their gradient's type.
  const Forward::primitive_desc hint(engine, dnnl::prop_kind::forward_training, algorithm, m.x,
                                     m.any_weight, m.bias, dy_, m.stride, m.pad, m.pad, plain);
  const memory::desc any_dw(m.weight.get_dims(), memory::data_type::f32, memory::format_tag::any);
  backward_weights_ = {engine,   algorithm, m.x,   any_dw, m.bias, dy_,
                       m.stride, m.pad,     m.pad, hint,   plain};
  if (desc.input_gradient)
    backward_data_ = {engine,   algorithm, m.x,   m.any_weight, dy_,
                      m.stride, m.pad,     m.pad, hint,         plain};
  if (desc.y.layout == Layout::kHead) sparse_ = std::make_unique<SparseHead>(context, desc);
  PlanScratch();
}

void TrainingConv::PlanScratch() {
  const auto size_of = [](std::initializer_list<memory::desc> descs) {
    ScratchPlan plan;
    for (const auto& d : descs) plan.Add(d.get_size());
    return plan.size();
  };
  ScratchPlan first;
  first.Add(dy_.get_size());
  dy_end_ = first.size();
  scratch_ = size_of({forward_.weights_desc(), forward_.scratchpad_desc()});
  if (winograd_ != nullptr) {
    scratch_ = std::max(scratch_, dy_end_ + winograd_->scratch());
    return;
  }
  const size_t backward_weights =
      size_of({backward_weights_.diff_weights_desc(), backward_weights_.scratchpad_desc()});
  const size_t backward_data =
      desc_.input_gradient
          ? size_of({backward_data_.weights_desc(), backward_data_.scratchpad_desc()})
          : 0;
  scratch_ = std::max(scratch_, dy_end_ + std::max(backward_weights, backward_data));
  if (sparse_ != nullptr) scratch_ = std::max(scratch_, sparse_->scratch());
}

PrimitiveCall TrainingConv::Reorder(const memory& from, const memory& to) const {
  return {dnnl::reorder(from, to), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}};
}

void TrainingConv::Bind(const OpArgs& args) {
  args_ = args;
  BindForward(args);
  const bool summed = desc_.relu || args.dy.size() > 1;
  void* dy = summed ? args.scratch : const_cast<void*>(args.dy.at(0));
  if (winograd_ != nullptr) {
    winograd_->Bind(args, dy, static_cast<std::byte*>(args.scratch) + dy_end_);
    return;
  }
  BindBackwardWeights(args, dy);
  if (desc_.input_gradient) BindBackwardData(args, dy);
  if (sparse_ != nullptr) sparse_->Bind(args);
}

void TrainingConv::BindForward(const OpArgs& args) {
  ScratchPlan plan;
  const memory weight = At(forward_.weights_desc(), plan.Add(forward_.weights_desc().get_size()));
  const memory pad =
      At(forward_.scratchpad_desc(), plan.Add(forward_.scratchpad_desc().get_size()));
  forward_calls_.push_back(Reorder(On(memory_.weight, args.weight), weight));
  std::vector<std::pair<int, memory>> list{{DNNL_ARG_SRC, On(memory_.x, args.x)},
                                           {DNNL_ARG_WEIGHTS, weight},
                                           {DNNL_ARG_DST, On(memory_.y, args.y)},
                                           {DNNL_ARG_SCRATCHPAD, pad}};
  if (desc_.bias) list.emplace_back(DNNL_ARG_BIAS, On(memory_.bias, args.bias));
  forward_calls_.emplace_back(dnnl::convolution_forward(forward_), std::move(list));
}

void TrainingConv::BindBackwardWeights(const OpArgs& args, void* dy) {
  const memory::desc packed = backward_weights_.diff_weights_desc();
  const bool direct = packed == memory_.weight;
  ScratchPlan plan;
  plan.Add(dy_end_);
  const size_t weight = plan.Add(direct ? 0 : packed.get_size());
  const memory dweight = direct ? On(packed, args.dweight) : At(packed, weight);
  const memory pad = At(backward_weights_.scratchpad_desc(), plan.Add(0));
  std::vector<std::pair<int, memory>> list{{DNNL_ARG_SRC, On(memory_.x, args.x)},
                                           {DNNL_ARG_DIFF_DST, On(dy_, dy)},
                                           {DNNL_ARG_DIFF_WEIGHTS, dweight},
                                           {DNNL_ARG_SCRATCHPAD, pad}};
  if (desc_.bias) list.emplace_back(DNNL_ARG_DIFF_BIAS, On(memory_.bias, args.dbias));
  backward_calls_.emplace_back(BackwardWeights(backward_weights_), std::move(list));
  if (!direct) backward_calls_.push_back(Reorder(dweight, On(memory_.weight, args.dweight)));
}

void TrainingConv::BindBackwardData(const OpArgs& args, void* dy) {
  ScratchPlan plan;
  plan.Add(dy_end_);
  const memory weight =
      At(backward_data_.weights_desc(), plan.Add(backward_data_.weights_desc().get_size()));
  const memory pad = At(backward_data_.scratchpad_desc(), plan.Add(0));
  backward_calls_.push_back(Reorder(On(memory_.weight, args.weight), weight));
  backward_calls_.emplace_back(
      BackwardData(backward_data_),
      std::vector<std::pair<int, memory>>{{DNNL_ARG_DIFF_DST, On(dy_, dy)},
                                          {DNNL_ARG_WEIGHTS, weight},
                                          {DNNL_ARG_DIFF_SRC, On(memory_.x, args.dx)},
                                          {DNNL_ARG_SCRATCHPAD, pad}});
}

void TrainingConv::Forward() {
  for (const auto& call : forward_calls_) call.Run(context_.stream);
}

void TrainingConv::Backward() {
  if (sparse_ != nullptr && sparse_->Run()) return;
  if (desc_.relu || args_.dy.size() > 1)
    SumGradient(ActivationType(context_.precision), args_.dy, desc_.relu ? args_.y : nullptr,
                CpuElements(desc_.y), args_.scratch);
  if (winograd_ != nullptr) winograd_->Run();
  for (const auto& call : backward_calls_) call.Run(context_.stream);
}

}  // namespace

std::unique_ptr<Op> MakeTrainingConv(const CpuContext& context, const ConvDesc& desc) {
  SSD_CHECK(!desc.fold && !desc.residual);
  return std::make_unique<TrainingConv>(context, desc);
}

}  // namespace ssd
