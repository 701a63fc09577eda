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

// kind and the words for what else the graph does.
std::string Named(const std::string& kind, const ConvDesc& desc) {
  const auto value = [](const ValueDesc& v) {
    return (v.layout == Layout::kHead ? "f32 " : "") + std::to_string(v.channels) + "x" +
           std::to_string(v.height) + "x" + std::to_string(v.width);
  };
  const std::string kernel = std::to_string(desc.kernel);
  return "conv " + kernel + "x" + kernel + "/" + std::to_string(desc.stride) + " pad " +
         std::to_string(desc.pad) + " " + value(desc.x) + " -> " + value(desc.y) + " batch " +
         std::to_string(desc.x.batch) + " " + kind;
}
std::string If(bool wanted, const char* word) { return wanted ? word : ""; }

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

// By channel.
Tensor_attributes Channels(const ValueDesc& v, int64_t number, DataType_t type) {
  return Shaped(1, CudaChannels(v), 1, 1, number).set_data_type(type);
}
TensorPtr Affine(fe::graph::Graph& graph, const TensorPtr& x, const ConvDesc& desc) {
  const auto number = [&](int64_t tensor) {
    return graph.tensor(Channels(desc.x, tensor, DataType_t::HALF));
  };
  const auto scaled = Pointwise(graph, fe::PointwiseMode_t::MUL, x, number(kConvScale));
  return Pointwise(graph, fe::PointwiseMode_t::ADD, scaled, number(kConvShift));
}
// What the convolution is of.
TensorPtr Input(fe::graph::Graph& graph, const ConvDesc& desc) {
  const auto x = graph.tensor(Of(desc.x, kConvX));
  if (!desc.normalise) return x;
  return Pointwise(graph, fe::PointwiseMode_t::RELU_FWD, Affine(graph, x, desc));
}

// dx before the ReLU of the norm, and the norm's own gradients, as cuDNN's pattern has it.
TensorPtr NormGradient(fe::graph::Graph& graph, const TensorPtr& dx, const TensorPtr& x,
                       const ConvDesc& desc) {
  const auto number = [&](int64_t tensor) {
    return graph.tensor(Channels(desc.x, tensor, DataType_t::FLOAT));
  };
  const auto mean = number(kConvMean), inverse_std = number(kConvInverseStd);
  const auto gamma = number(kConvGamma);
  using Mode = fe::PointwiseMode_t;
  TensorPtr y = Pointwise(graph, Mode::SUB, x, mean);
  y = Pointwise(graph, Mode::MUL, y, inverse_std);
  y = Pointwise(graph, Mode::MUL, y, gamma);
  y = Pointwise(graph, Mode::ADD, y, number(kConvBeta));
  const auto masked = Pointwise(graph, Mode::RELU_BWD, dx, y);
  const auto sums =
      graph.dbn_weight(masked, x, mean, inverse_std, gamma, fe::graph::DBN_weight_attributes());
  int64_t tensor = kConvDGamma;  // dgamma, dbeta, three factors
  for (const auto& sum : sums)
    SetOutput(sum, Channels(desc.x, tensor++, DataType_t::FLOAT), DataType_t::FLOAT);
  return masked;
}

}  // namespace

CudnnPlan ConvForward(PlanTarget& target, const ConvDesc& desc, bool with_bias) {
  const auto graph = NewGraph();
  const auto filter = graph->tensor(FilterOf(desc, kConvFilter));
  TensorPtr y = graph->conv_fprop(Input(*graph, desc), filter,
                                  Window<fe::graph::Conv_fprop_attributes>(desc));
  if (with_bias) {
    const auto bias = graph->tensor(Channels(desc.y, kConvBias, DataType_t::FLOAT));
    y = Pointwise(*graph, fe::PointwiseMode_t::ADD, y, bias);
  }
  if (desc.residual)
    y = Pointwise(*graph, fe::PointwiseMode_t::ADD, y, graph->tensor(Of(desc.y, kConvResidual)));
  if (desc.relu) y = Pointwise(*graph, fe::PointwiseMode_t::RELU_FWD, y);
  SetOutput(y, Of(desc.y, kConvY),
            CudaType(desc.y) == DType::kF32 ? DataType_t::FLOAT : DataType_t::HALF);
  if (desc.statistics) {
    const auto [sum, squares] = graph->genstats(y, fe::graph::Genstats_attributes());
    SetOutput(sum, Channels(desc.y, kConvSum, DataType_t::FLOAT), DataType_t::FLOAT);
    SetOutput(squares, Channels(desc.y, kConvSquares, DataType_t::FLOAT), DataType_t::FLOAT);
  }
  const std::string kind = If(desc.normalise, "norm relu ") + "forward" + If(with_bias, " bias") +
                           If(desc.residual, " add") + If(desc.relu, " relu") +
                           If(desc.statistics, " sums");
  return {target, Named(kind, desc), graph};
}

CudnnPlan ConvDataGradient(PlanTarget& target, const ConvDesc& desc, bool with_sums) {
  const auto graph = NewGraph();
  const auto dy = graph->tensor(Of(desc.y, kConvDy));
  const auto filter = graph->tensor(FilterOf(desc, kConvFilter));
  TensorPtr dx = graph->conv_dgrad(dy, filter, Window<fe::graph::Conv_dgrad_attributes>(desc));
  const auto shape = Of(desc.x, kConvDx);
  dx->set_dim(shape.get_dim()).set_stride(shape.get_stride());
  for (int64_t t = 0; t < desc.dx_terms; ++t)
    dx = Pointwise(*graph, fe::PointwiseMode_t::ADD, dx, graph->tensor(Of(desc.x, kConvTerm + t)));
  if (desc.normalise || desc.dx_relu) {
    const auto x = graph->tensor(Of(desc.x, kConvX));
    dx = with_sums ? NormGradient(*graph, dx, x, desc)
                   : Pointwise(*graph, fe::PointwiseMode_t::RELU_BWD, dx,
                               desc.normalise ? Affine(*graph, x, desc) : x);
  }
  SetOutput(dx, shape, DataType_t::HALF);
  std::string kind = "data gradient";
  for (int64_t t = 0; t < desc.dx_terms; ++t) kind += " add";
  kind += If(desc.normalise, " norm") + If(desc.normalise || desc.dx_relu, " relu") +
          If(with_sums, " sums");
  return {target, Named(kind, desc), graph};
}

CudnnPlan ConvFilterGradient(PlanTarget& target, const ConvDesc& desc) {
  const auto graph = NewGraph();
  const auto dy = graph->tensor(Of(desc.y, kConvDy));
  const auto dfilter =
      graph->conv_wgrad(dy, Input(*graph, desc), Window<fe::graph::Conv_wgrad_attributes>(desc));
  SetOutput(dfilter, FilterOf(desc, kConvDFilter), DataType_t::HALF);
  return {target, Named(If(desc.normalise, "norm relu ") + "filter gradient", desc), graph};
}

CudnnPlan ConvBiasGradient(PlanTarget& target, const ConvDesc& desc) {
  const auto graph = NewGraph();
  const auto dy = graph->tensor(Of(desc.y, kConvDy));
  const auto dbias =
      graph->reduction(dy, fe::graph::Reduction_attributes().set_mode(fe::ReductionMode_t::ADD));
  SetOutput(dbias, Channels(desc.y, kConvDBias, DataType_t::FLOAT), DataType_t::FLOAT);
  return {target, Named("bias gradient", desc), graph};
}

}  // namespace ssd
