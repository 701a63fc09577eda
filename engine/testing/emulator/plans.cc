// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// backends/cuda/plan.h and conv_graphs.h by plain loops, in place of cuDNN: with them the whole
// CUDA backend runs on the emulator. Padding channels take part like others, so that they must be
// zero.
#include <cuda_fp16.h>

#include <functional>

#include "backends/cuda/conv_graphs.h"
#include "backends/cuda/plan.h"
#include "backends/cuda/values.h"
#include "core/error.h"
#include "testing/emulator/memory.h"
#include "testing/reference.h"

namespace cudnn_frontend::graph {
class Graph {
 public:
  std::function<void(ssd::PlanPack&)> run;
};
}  // namespace cudnn_frontend::graph

namespace ssd {

using cudnn_frontend::graph::Graph;
using testing::Tensor;

namespace {

class EmulatedTarget final : public PlanTarget {
 public:
  cudnnContext* handle() const override {
    return reinterpret_cast<cudnnContext*>(const_cast<EmulatedTarget*>(this));
  }
  void Prepare(Graph&) const override {}
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

testing::ConvGradients Gradients(const ConvDesc& desc, PlanPack& pack) {
  const bool data = pack.contains(kConvFilter);
  const Tensor x = data ? Padded(desc.x) : Read(desc.x, pack.at(kConvX));
  const Tensor filter = data ? ReadFilter(desc, pack.at(kConvFilter)) : FilterLike(desc);
  return ConvolveBackward(x, filter.v, Read(desc.y, pack.at(kConvDy)), WindowOf(desc));
}

CudnnPlan PlanOf(PlanTarget& target, const std::function<void(PlanPack&)>& run) {
  const auto graph = std::make_shared<Graph>();
  graph->run = run;
  return {target, "emulated", graph};
}

}  // namespace

std::unique_ptr<PlanTarget> OpenGpuTarget(void*, const PlanOptions&) {
  return std::make_unique<EmulatedTarget>();
}

CudnnPlan::CudnnPlan(PlanTarget&, const std::string& name, const std::shared_ptr<Graph>& graph)
    : plan_{graph, {name, "loops", 64, ""}, 0} {}

void CudnnPlan::Run(const PlanTarget&, PlanPack& pack, void* workspace) const {
  SSD_CHECK(workspace != nullptr);
  const emulator::Opened opened;
  std::fill_n(static_cast<uint8_t*>(workspace), plan_.record.workspace, 0xff);
  plan_.graph->run(pack);
}

CudnnPlan ConvForward(PlanTarget& target, const ConvDesc& desc, bool with_bias) {
  return PlanOf(target, [=](PlanPack& pack) {
    std::vector<double> bias;
    const auto* given = with_bias ? static_cast<const float*>(pack.at(kConvBias)) : nullptr;
    if (with_bias) bias.assign(given, given + CudaChannels(desc.y));
    Tensor y = Convolve(Read(desc.x, pack.at(kConvX)), ReadFilter(desc, pack.at(kConvFilter)).v,
                        bias, CudaChannels(desc.y), WindowOf(desc));
    if (desc.residual) y = y + Read(desc.y, pack.at(kConvResidual));
    if (desc.relu) y = Relu(y);
    Write(y, CudaType(desc.y), pack.at(kConvY));
  });
}

CudnnPlan ConvDataGradient(PlanTarget& target, const ConvDesc& desc) {
  return PlanOf(target, [=](PlanPack& pack) {
    Write(Gradients(desc, pack).dx, DType::kF16, pack.at(kConvDx));
  });
}

CudnnPlan ConvFilterGradient(PlanTarget& target, const ConvDesc& desc) {
  return PlanOf(target, [=](PlanPack& pack) {
    Tensor dfilter = FilterLike(desc);
    dfilter.v = Gradients(desc, pack).dweight;
    Write(dfilter, DType::kF16, pack.at(kConvDFilter));
  });
}

CudnnPlan ConvBiasGradient(PlanTarget& target, const ConvDesc& desc) {
  return PlanOf(target, [=](PlanPack& pack) {
    auto* dbias = static_cast<float*>(pack.at(kConvDBias));
    std::fill_n(dbias, CudaChannels(desc.y), 0.0f);
    std::vector<double> sums(static_cast<size_t>(CudaChannels(desc.y)));
    Tensor dy = Read(desc.y, pack.at(kConvDy));
    ForEach(dy, [&](int64_t i, double& v) { sums[static_cast<size_t>(i % dy.c)] += v; });
    for (size_t c = 0; c < sums.size(); ++c) dbias[c] = static_cast<float>(sums[c]);
  });
}

}  // namespace ssd
