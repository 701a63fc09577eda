// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// backends/cuda/plan.h and conv_graphs.h by plain loops, in place of cuDNN: with them the whole
// CUDA backend runs on the emulator. Padding channels take part like others, so that they must be
// zero.
#include "testing/emulator/plans.h"

#include <cuda_fp16.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "backends/cuda/conv_graphs.h"
#include "backends/cuda/plan.h"
#include "backends/cuda/values.h"
#include "core/error.h"
#include "testing/emulator/memory.h"
#include "testing/emulator/stream.h"
#include "testing/reference.h"

namespace cudnn_frontend::graph {
class Graph {
 public:
  std::function<void(ssd::PlanPack&)> run;
  bool refused = false;
  ssd::ConvDesc desc;
};
}  // namespace cudnn_frontend::graph

namespace ssd {

using cudnn_frontend::graph::Graph;
using testing::Tensor;

namespace {

class EmulatedTarget final : public PlanTarget {
 public:
  explicit EmulatedTarget(void* stream) : stream(static_cast<emulator::Stream*>(stream)) {}
  cudnnContext* handle() const override {
    return reinterpret_cast<cudnnContext*>(const_cast<EmulatedTarget*>(this));
  }
  void Prepare(Graph&) const override {}

  emulator::Stream* const stream;
};

Tensor Padded(const ValueDesc& v) { return {v.batch, CudaChannels(v), v.height, v.width}; }

// Channels last to the tensor's order; visit(index, value).
template <class Visit>
void ForEach(Tensor& t, const Visit& visit) {
  for (int64_t n = 0; n < t.n; ++n)
    for (int64_t c = 0; c < t.c; ++c)
      for (int64_t y = 0; y < t.h; ++y)
        for (int64_t x = 0; x < t.w; ++x)
          visit(((n * t.h + y) * t.w + x) * t.c + c, t.at(n, c, y, x));
}
Tensor Read(const ValueDesc& v, const void* data) {
  Tensor t = Padded(v);
  const auto* halves = static_cast<const __half*>(data);
  ForEach(t, [&](int64_t i, double& value) { value = __half2float(halves[i]); });
  return t;
}
void Write(Tensor t, DType type, void* data) {
  ForEach(t, [&](int64_t i, double& value) {
    if (type == DType::kF32) {
      static_cast<float*>(data)[i] = static_cast<float>(value);
    } else {
      static_cast<__half*>(data)[i] = __float2half_rn(static_cast<float>(value));
    }
  });
}
// A filter as a tensor of its outputs.
Tensor FilterLike(const ConvDesc& desc) {
  return {CudaChannels(desc.y), CudaChannels(desc.x), desc.kernel, desc.kernel};
}
Tensor ReadFilter(const ConvDesc& desc, const void* data) {
  Tensor t = FilterLike(desc);
  const auto* halves = static_cast<const __half*>(data);
  ForEach(t, [&](int64_t i, double& value) { value = __half2float(halves[i]); });
  return t;
}
testing::Window WindowOf(const ConvDesc& desc) { return {desc.kernel, desc.stride, desc.pad}; }

const float* Floats(const PlanPack& pack, int64_t number) {
  return static_cast<const float*>(pack.at(number));
}
// Over the values of a tensor, with their channels.
template <class Visit>
void ForEachChannel(Tensor& t, const Visit& visit) {
  ForEach(t, [&](int64_t i, double& value) { visit(i % t.c, value); });
}
// scale x + shift
Tensor Affine(Tensor x, const PlanPack& pack) {
  const auto* scale = static_cast<const __half*>(pack.at(kConvScale));
  const auto* shift = static_cast<const __half*>(pack.at(kConvShift));
  ForEachChannel(
      x, [&](int64_t c, double& v) { v = __half2float(scale[c]) * v + __half2float(shift[c]); });
  return x;
}
// What the convolution is of.
Tensor Input(const ConvDesc& desc, const PlanPack& pack) {
  const Tensor x = Read(desc.x, pack.at(kConvX));
  return desc.normalise ? Relu(Affine(x, pack)) : x;
}
void WriteSums(Tensor y, PlanPack& pack) {
  std::vector<double> sum(static_cast<size_t>(y.c)), squares = sum;
  ForEachChannel(y, [&](int64_t c, double& v) {
    sum[static_cast<size_t>(c)] += v;
    squares[static_cast<size_t>(c)] += v * v;
  });
  std::ranges::copy(sum, static_cast<float*>(pack.at(kConvSum)));
  std::ranges::copy(squares, static_cast<float*>(pack.at(kConvSquares)));
}
// dx before the ReLU of the norm, and the norm's own gradients.
Tensor NormGradient(const ConvDesc& desc, Tensor dx, PlanPack& pack) {
  const float *mean = Floats(pack, kConvMean), *inverse_std = Floats(pack, kConvInverseStd);
  const float *gamma = Floats(pack, kConvGamma), *beta = Floats(pack, kConvBeta);
  Tensor normalised = Read(desc.x, pack.at(kConvX));
  ForEachChannel(normalised, [&](int64_t c, double& v) { v = (v - mean[c]) * inverse_std[c]; });
  Tensor y = normalised;
  ForEachChannel(y, [&](int64_t c, double& v) { v = gamma[c] * v + beta[c]; });
  dx = ReluGradient(dx, y);
  std::vector<double> dgamma(static_cast<size_t>(dx.c)), dbeta = dgamma;
  for (size_t i = 0; i < dx.v.size(); ++i) {
    const size_t c = i / static_cast<size_t>(dx.h * dx.w) % dgamma.size();
    dgamma[c] += dx.v[i] * normalised.v[i];
    dbeta[c] += dx.v[i];
  }
  std::ranges::copy(dgamma, static_cast<float*>(pack.at(kConvDGamma)));
  std::ranges::copy(dbeta, static_cast<float*>(pack.at(kConvDBeta)));
  for (int64_t f = 0; f < 3; ++f)  // cuDNN writes them; nobody reads them
    std::fill_n(static_cast<float*>(pack.at(kConvFactors + f)), dx.c, 0.0f);
  return dx;
}

// Of a tensor of a graph; written: by the graph.
struct Extent {
  size_t bytes;
  bool written = false;
};
Extent ExtentOf(const ConvDesc& desc, int64_t number) {
  const auto channels = [](const ValueDesc& v, size_t each) {
    return static_cast<size_t>(CudaChannels(v)) * each;
  };
  const size_t filter = channels(desc.y, channels(desc.x, sizeof(__half))) *
                        static_cast<size_t>(desc.kernel * desc.kernel);
  switch (number) {
    case kConvX:
      return {CudaBytes(desc.x)};
    case kConvFilter:
      return {filter};
    case kConvBias:
      return {channels(desc.y, sizeof(float))};
    case kConvResidual:
    case kConvDy:
      return {CudaBytes(desc.y)};
    case kConvY:
      return {CudaBytes(desc.y), true};
    case kConvDx:
      return {CudaBytes(desc.x), true};
    case kConvDFilter:
      return {filter, true};
    case kConvDBias:
    case kConvSum:
    case kConvSquares:
      return {channels(desc.y, sizeof(float)), true};
    case kConvScale:
    case kConvShift:
      return {channels(desc.x, sizeof(__half))};
    case kConvMean:
    case kConvInverseStd:
    case kConvGamma:
    case kConvBeta:
      return {channels(desc.x, sizeof(float))};
    case kConvDGamma:
    case kConvDBeta:
    case kConvFactors:
    case kConvFactors + 1:
    case kConvFactors + 2:
      return {channels(desc.x, sizeof(float)), true};
    default:  // kConvTerm and beyond
      return {CudaBytes(desc.x)};
  }
}

// What cuDNN asks of addresses: device memory, on lines of 16 bytes, those of a workspace as
// cudaMalloc gives them; and nothing that is written may share memory with another tensor.
constexpr size_t kTensorLine = 16, kWorkspaceLine = 256;
constexpr int64_t kWorkspace = -1;
void CheckPack(const std::string& graph, const ConvDesc& desc, const PlanPack& pack,
               void* workspace, size_t workspace_bytes) {
  struct Place {
    int64_t number;
    const std::byte* data;
    Extent extent;
  };
  std::vector<Place> places{
      {kWorkspace, static_cast<std::byte*>(workspace), {workspace_bytes, true}}};
  for (const auto& [number, data] : pack)
    places.push_back({number, static_cast<std::byte*>(data), ExtentOf(desc, number)});
  for (const Place& p : places) {
    const auto number = static_cast<long long>(p.number);
    const size_t line = p.number == kWorkspace ? kWorkspaceLine : kTensorLine;
    if (reinterpret_cast<uintptr_t>(p.data) % line != 0)
      Throw(Status::kInvalid, "%s: tensor %lld is not on a line of %zu bytes", graph.c_str(),
            number, line);
    if (!emulator::OnDevice(p.data, p.extent.bytes))
      Throw(Status::kInvalid, "%s: tensor %lld is not in one block of the device's memory",
            graph.c_str(), number);
    for (const Place& other : places) {
      const bool apart =
          p.data + p.extent.bytes <= other.data || other.data + other.extent.bytes <= p.data;
      if (&p != &other && p.extent.written && !apart)
        Throw(Status::kInvalid, "%s: tensor %lld shares memory with %lld", graph.c_str(), number,
              static_cast<long long>(other.number));
    }
  }
}

testing::FusedPlans taken = testing::FusedPlans::kAll;

enum class Fused { kNothing, kSomething, kNormSums };
CudnnPlan PlanOf(PlanTarget& target, const std::string& name, const ConvDesc& desc, Fused fused,
                 const std::function<void(PlanPack&)>& run) {
  const auto graph = std::make_shared<Graph>();
  graph->run = run;
  graph->desc = desc;
  graph->refused = (fused != Fused::kNothing && taken == testing::FusedPlans::kNone) ||
                   (fused == Fused::kNormSums && taken == testing::FusedPlans::kNoSums);
  return {target, name, graph};
}

}  // namespace

void testing::SetFusedPlans(FusedPlans plans) { taken = plans; }

std::unique_ptr<PlanTarget> OpenGpuTarget(void* stream, const PlanOptions&) {
  return std::make_unique<EmulatedTarget>(stream);
}

CudnnPlan::CudnnPlan(PlanTarget&, const std::string& name, const std::shared_ptr<Graph>& graph)
    : plan_{graph, {name, "loops", 64, graph->refused ? "refused by a test" : ""}, 0} {}

void CudnnPlan::Require() const {
  if (refused()) Throw(Status::kUnavailable, "%s", plan_.record.refusal.c_str());
}

void CudnnPlan::Run(const PlanTarget& target, PlanPack& pack, void* workspace) const {
  SSD_CHECK(!refused());
  CheckPack(name(), plan_.graph->desc, pack, workspace, this->workspace());
  emulator::Enqueue(
      static_cast<const EmulatedTarget&>(target).stream,
      [graph = plan_.graph, bytes = plan_.record.workspace, pack, workspace]() mutable {
        const emulator::Opened opened;
        std::fill_n(static_cast<uint8_t*>(workspace), bytes, 0xff);
        graph->run(pack);
      });
}

CudnnPlan ConvForward(PlanTarget& target, const ConvDesc& desc, bool with_bias) {
  const auto fused = desc.normalise || desc.statistics ? Fused::kSomething : Fused::kNothing;
  return PlanOf(target, "forward", desc, fused, [=](PlanPack& pack) {
    std::vector<double> bias;
    if (with_bias) {
      const float* given = Floats(pack, kConvBias);
      bias.assign(given, given + CudaChannels(desc.y));
    }
    Tensor y = Convolve(Input(desc, pack), ReadFilter(desc, pack.at(kConvFilter)).v, bias,
                        CudaChannels(desc.y), WindowOf(desc));
    if (desc.residual) y = y + Read(desc.y, pack.at(kConvResidual));
    if (desc.relu) y = Relu(y);
    Write(y, CudaType(desc.y), pack.at(kConvY));
    if (desc.statistics) WriteSums(y, pack);
  });
}

CudnnPlan ConvDataGradient(PlanTarget& target, const ConvDesc& desc, bool with_sums) {
  const auto fused = with_sums                                             ? Fused::kNormSums
                     : desc.normalise || desc.dx_relu || desc.dx_terms > 0 ? Fused::kSomething
                                                                           : Fused::kNothing;
  return PlanOf(target, "data gradient", desc, fused, [=](PlanPack& pack) {
    Tensor dx = ConvolveBackward(Padded(desc.x), ReadFilter(desc, pack.at(kConvFilter)).v,
                                 Read(desc.y, pack.at(kConvDy)), WindowOf(desc))
                    .dx;
    for (int64_t t = 0; t < desc.dx_terms; ++t) dx = dx + Read(desc.x, pack.at(kConvTerm + t));
    if (with_sums) {
      dx = NormGradient(desc, dx, pack);
    } else if (desc.normalise || desc.dx_relu) {
      dx = ReluGradient(dx, Input(desc, pack));
    }
    Write(dx, DType::kF16, pack.at(kConvDx));
  });
}

CudnnPlan ConvFilterGradient(PlanTarget& target, const ConvDesc& desc) {
  const auto fused = desc.normalise ? Fused::kSomething : Fused::kNothing;
  return PlanOf(target, "filter gradient", desc, fused, [=](PlanPack& pack) {
    Tensor dfilter = FilterLike(desc);
    dfilter.v = ConvolveBackward(Input(desc, pack), dfilter.v, Read(desc.y, pack.at(kConvDy)),
                                 WindowOf(desc))
                    .dweight;
    Write(dfilter, DType::kF16, pack.at(kConvDFilter));
  });
}

CudnnPlan ConvBiasGradient(PlanTarget& target, const ConvDesc& desc) {
  return PlanOf(target, "bias gradient", desc, Fused::kNothing, [=](PlanPack& pack) {
    auto* dbias = static_cast<float*>(pack.at(kConvDBias));
    std::fill_n(dbias, CudaChannels(desc.y), 0.0f);
    std::vector<double> sums(static_cast<size_t>(CudaChannels(desc.y)));
    Tensor dy = Read(desc.y, pack.at(kConvDy));
    ForEach(dy, [&](int64_t i, double& v) { sums[static_cast<size_t>(i % dy.c)] += v; });
    for (size_t c = 0; c < sums.size(); ++c) dbias[c] = static_cast<float>(sums[c]);
  });
}

}  // namespace ssd
