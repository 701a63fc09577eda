// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "model/parameters.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"
#include "core/philox.h"

namespace ssd {

namespace {

std::unique_ptr<DeviceMemory> Floats(Backend& backend, int64_t n) {
  return backend.Allocate(static_cast<size_t>(n) * sizeof(float));
}

void FillUniform(std::span<float> out, double bound, Philox& random) {
  for (float& v : out) v = random.Uniform(static_cast<float>(-bound), static_cast<float>(bound));
}

void FillNormal(std::span<float> out, double deviation, Philox& random) {
  for (float& v : out) {  // Box-Muller; 1 - u lies in (0, 1]
    const double radius = std::sqrt(-2 * std::log(1.0 - random.Uniform()));
    v = static_cast<float>(deviation * radius * std::cos(2 * std::numbers::pi * random.Uniform()));
  }
}

size_t At(int64_t offset) { return static_cast<size_t>(offset); }

std::span<float> Part(std::span<float> arena, int64_t offset, int64_t size) {
  return arena.subspan(At(offset), static_cast<size_t>(size));
}

double Xavier(int64_t fan_in, int64_t fan_out) {
  return std::sqrt(6.0 / static_cast<double>(fan_in + fan_out));
}

void Fill(const Param& param, std::span<float> out, bool zero_last_gamma, Philox& random) {
  const int64_t channels = param.shape[0];
  const int64_t area = param.shape.size() == 4 ? param.shape[2] * param.shape[3] : 1;
  switch (param.init) {
    case Init::kHe:
      return FillNormal(out, std::sqrt(2.0 / static_cast<double>(channels * area)), random);
    case Init::kXavier:
      return FillUniform(out, Xavier(param.fan_in, channels * area), random);
    case Init::kHead: {
      const int64_t classes = channels / (kClasses + 4) * kClasses;
      const auto split = static_cast<size_t>(classes * param.fan_in);
      FillUniform(out.first(split), Xavier(param.fan_in, classes * area), random);
      return FillUniform(out.subspan(split), Xavier(param.fan_in, (channels - classes) * area),
                         random);
    }
    case Init::kBias:
      return FillUniform(out, 1 / std::sqrt(static_cast<double>(param.fan_in)), random);
    case Init::kOne:
      std::ranges::fill(out, 1.0f);
      return;
    case Init::kZero:
      std::ranges::fill(out, 0.0f);
      return;
    case Init::kLastGamma:
      std::ranges::fill(out, zero_last_gamma ? 0.0f : 1.0f);
      return;
  }
}

}  // namespace

Parameters::Parameters(const Graph& graph, Backend& backend)
    : graph_(graph),
      backend_(backend),
      weights_(Floats(backend, graph.param_floats)),
      gradients_(Floats(backend, graph.param_floats)),
      momentum_(Floats(backend, graph.param_floats)),
      statistics_(Floats(backend, graph.statistic_floats)) {}

HostView Parameters::View(const DeviceMemory& arena) const {
  return {backend_, static_cast<float*>(arena.data()),
          static_cast<int64_t>(arena.size() / sizeof(float))};
}

void Parameters::Initialize(const InitOptions& options,
                            const std::function<void(const Param&)>& on_tensor) {
  for (HostView zero : {HostGradients(), HostMomentum()}) {
    std::ranges::fill(zero.values(), 0.0f);
    zero.Store();
  }
  HostView weights = HostWeights(), statistics = HostStatistics();
  for (size_t i = 0; i < graph_.params.size(); ++i) {
    const Param& param = graph_.params[i];
    Philox random(options.seed, Purpose::kInit, 0, i);
    Fill(param, Part(weights.values(), param.offset, param.size()), options.zero_last_gamma,
         random);
    on_tensor(param);
  }
  for (const Statistic& s : graph_.statistics) {
    std::ranges::fill(Part(statistics.values(), s.mean(), s.channels), 0.0f);
    std::ranges::fill(Part(statistics.values(), s.variance(), s.channels), 1.0f);
  }
  weights.Store();
  Changed();
  statistics.Store();
}

void Parameters::Load(const TensorFile& file) {
  // A file with any tensor beyond the backbone must hold them all.
  const auto backbone = [](const std::string& name) {
    return name.find("resnetmlperf") != std::string::npos;
  };
  const bool full = std::ranges::any_of(
      graph_.params, [&](const Param& p) { return !backbone(p.name) && file.Has(p.name); });
  HostView weights = HostWeights(), statistics = HostStatistics();
  for (const Param& param : graph_.params)
    if (full || backbone(param.name))
      std::ranges::copy(file.FiniteF32(param.name, param.shape),
                        &weights.values()[At(param.offset)]);
  for (const Statistic& s : graph_.statistics) {
    const int64_t shape[] = {s.channels};
    std::ranges::copy(file.FiniteF32(s.name + "_running_mean", shape),
                      &statistics.values()[At(s.mean())]);
    const auto variance = file.FiniteF32(s.name + "_running_var", shape);
    if (!variance.empty() && std::ranges::min(variance) < 0)
      Throw(Status::kData, "%s: tensor %s_running_var holds a variance below 0",
            file.path().c_str(), s.name.c_str());
    std::ranges::copy(variance, &statistics.values()[At(s.variance())]);
  }
  weights.Store();
  Changed();
  statistics.Store();
}

void Parameters::LoadMomentum(const TensorFile& file) {
  HostView momentum = HostMomentum();
  for (const Param& param : graph_.params)
    std::ranges::copy(file.FiniteF32("momentum." + param.name, param.shape),
                      &momentum.values()[At(param.offset)]);
  momentum.Store();
}

std::vector<HostView> Parameters::AddTo(TensorWriter& writer, bool with_momentum) const {
  std::vector<HostView> views{HostWeights(), HostStatistics()};
  if (with_momentum) views.push_back(HostMomentum());
  const std::span<float> weights = views[0].values();
  for (const Param& param : graph_.params) {
    writer.Add(param.name, DType::kF32, param.shape, &weights[At(param.offset)]);
    if (with_momentum)
      writer.Add("momentum." + param.name, DType::kF32, param.shape,
                 &views[2].values()[At(param.offset)]);
  }
  AddStatistics(writer, graph_, views[1].values());
  return views;
}

void AddStatistics(TensorWriter& writer, const Graph& graph, std::span<const float> statistics) {
  for (const Statistic& s : graph.statistics) {
    writer.Add(s.name + "_running_mean", DType::kF32, {s.channels}, &statistics[At(s.mean())]);
    writer.Add(s.name + "_running_var", DType::kF32, {s.channels}, &statistics[At(s.variance())]);
  }
}

}  // namespace ssd
