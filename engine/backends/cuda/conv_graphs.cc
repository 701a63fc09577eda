// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/conv_graphs.h"

#include <cudnn_frontend.h>

#include "backends/cuda/values.h"

namespace ssd {

namespace fe = cudnn_frontend;
using fe::DataType_t;
using fe::graph::Tensor_attributes;
using TensorPtr = std::shared_ptr<Tensor_attributes>;

namespace {

std::string Named(const char* kind, const ConvDesc& desc) {
  const auto value = [](const ValueDesc& v) {
    return (v.layout == Layout::kHead ? "f32 " : "") + std::to_string(v.channels) + "x" +
           std::to_string(v.height) + "x" + std::to_string(v.width);
  };
  const std::string kernel = std::to_string(desc.kernel);
  return std::string("conv ") + kind + " " + kernel + "x" + kernel + "/" +
         std::to_string(desc.stride) + " pad " + std::to_string(desc.pad) +
         (desc.bias || desc.fold ? " bias" : "") + (desc.residual ? " add" : "") +
         (desc.relu ? " relu" : "") + " " + value(desc.x) + " -> " + value(desc.y) + " batch " +
         std::to_string(desc.x.batch);
}

std::shared_ptr<fe::graph::Graph> NewGraph() {
  auto graph = std::make_shared<fe::graph::Graph>();
  graph->set_io_data_type(DataType_t::HALF)
      .set_intermediate_data_type(DataType_t::FLOAT)
      .set_compute_data_type(DataType_t::FLOAT);
  return graph;
}

// [n,c,h,w] with the strides of channels last.
Tensor_attributes Shaped(int64_t n, int64_t c, int64_t h, int64_t w, int64_t number) {
  return Tensor_attributes()
      .set_dim({n, c, h, w})
      .set_stride({h * w * c, 1, w * c, c})
      .set_uid(number)
      .set_name("tensor" + std::to_string(number));
}
Tensor_attributes Of(const ValueDesc& v, int64_t number) {
  return Shaped(v.batch, CudaChannels(v), v.height, v.width, number);
}
Tensor_attributes FilterOf(const ConvDesc& desc, int64_t number) {
  return Shaped(CudaChannels(desc.y), CudaChannels(desc.x), desc.kernel, desc.kernel, number);
}

void SetOutput(const TensorPtr& tensor, const Tensor_attributes& like, DataType_t type) {
  tensor->set_output(true)
      .set_dim(like.get_dim())
      .set_stride(like.get_stride())
      .set_uid(like.get_uid())
      .set_data_type(type);
}

template <class Attributes>
Attributes Window(const ConvDesc& desc) {
  return Attributes()
      .set_padding({desc.pad, desc.pad})
      .set_stride({desc.stride, desc.stride})
      .set_dilation({1, 1});
}

TensorPtr Pointwise(fe::graph::Graph& graph, fe::PointwiseMode_t mode, const TensorPtr& a,
                    const TensorPtr& b = nullptr) {
  const auto attributes = fe::graph::Pointwise_attributes().set_mode(mode);
  return b == nullptr ? graph.pointwise(a, attributes) : graph.pointwise(a, b, attributes);
}

}  // namespace

CudnnPlan ConvForward(PlanTarget& target, const ConvDesc& desc, bool with_bias) {
  const auto graph = NewGraph();
  const auto x = graph->tensor(Of(desc.x, kConvX));
  const auto filter = graph->tensor(FilterOf(desc, kConvFilter));
  TensorPtr y = graph->conv_fprop(x, filter, Window<fe::graph::Conv_fprop_attributes>(desc));
  if (with_bias) {
    const auto bias = graph->tensor(
        Shaped(1, CudaChannels(desc.y), 1, 1, kConvBias).set_data_type(DataType_t::FLOAT));
    y = Pointwise(*graph, fe::PointwiseMode_t::ADD, y, bias);
  }
  if (desc.residual)
    y = Pointwise(*graph, fe::PointwiseMode_t::ADD, y, graph->tensor(Of(desc.y, kConvResidual)));
  if (desc.relu) y = Pointwise(*graph, fe::PointwiseMode_t::RELU_FWD, y);
  SetOutput(y, Of(desc.y, kConvY),
            CudaType(desc.y) == DType::kF32 ? DataType_t::FLOAT : DataType_t::HALF);
  return {target, Named("forward", desc), graph};
}

CudnnPlan ConvDataGradient(PlanTarget& target, const ConvDesc& desc) {
  const auto graph = NewGraph();
  const auto dy = graph->tensor(Of(desc.y, kConvDy));
  const auto filter = graph->tensor(FilterOf(desc, kConvFilter));
  const auto dx = graph->conv_dgrad(dy, filter, Window<fe::graph::Conv_dgrad_attributes>(desc));
  SetOutput(dx, Of(desc.x, kConvDx), DataType_t::HALF);
  return {target, Named("data gradient", desc), graph};
}

CudnnPlan ConvFilterGradient(PlanTarget& target, const ConvDesc& desc) {
  const auto graph = NewGraph();
  const auto dy = graph->tensor(Of(desc.y, kConvDy));
  const auto x = graph->tensor(Of(desc.x, kConvX));
  const auto dfilter = graph->conv_wgrad(dy, x, Window<fe::graph::Conv_wgrad_attributes>(desc));
  SetOutput(dfilter, FilterOf(desc, kConvDFilter), DataType_t::HALF);
  return {target, Named("filter gradient", desc), graph};
}

CudnnPlan ConvBiasGradient(PlanTarget& target, const ConvDesc& desc) {
  const auto graph = NewGraph();
  const auto dy = graph->tensor(Of(desc.y, kConvDy));
  const auto dbias =
      graph->reduction(dy, fe::graph::Reduction_attributes().set_mode(fe::ReductionMode_t::ADD));
  SetOutput(dbias, Shaped(1, CudaChannels(desc.y), 1, 1, kConvDBias), DataType_t::FLOAT);
  return {target, Named("bias gradient", desc), graph};
}

}  // namespace ssd
