// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/host_view.h"
#include "core/safetensors.h"
#include "model/graph.h"

namespace ssd {

// All state of a model in four flat arenas on the device: weights, gradients, momentum (each
// param_floats), running statistics. The optimiser and the collectives see one array each.
class Parameters {
 public:
  // backend must outlive the parameters.
  Parameters(const Graph& graph, Backend& backend);

  const Graph& graph() const { return graph_; }
  int64_t size() const { return graph_.param_floats; }
  float* weights() const { return static_cast<float*>(weights_->data()); }
  float* gradients() const { return static_cast<float*>(gradients_->data()); }
  float* momentum() const { return static_cast<float*>(momentum_->data()); }
  float* statistics() const { return static_cast<float*>(statistics_->data()); }
  // The same for the host. Who stores weights calls Changed.
  HostView HostWeights() const { return View(*weights_); }
  HostView HostGradients() const {
    backend_.UnpackGradients();
    return View(*gradients_);
  }
  HostView HostMomentum() const { return View(*momentum_); }
  HostView HostStatistics() const { return View(*statistics_); }

  // How often weights were changed by other means than the update: what keeps them in another form
  // (Network::Refresh) must take them anew.
  int64_t changes() const { return changes_; }
  void Changed() { ++changes_; }

  struct InitOptions {
    uint64_t seed;
    bool zero_last_gamma;  // residual blocks start as identity
  };
  // Spec section 4, "Initial values". Each tensor has its own random stream. Momentum and gradients
  // become zero, running statistics (0, 1). on_tensor is called once a parameter, in graph order.
  void Initialize(const InitOptions& options, const std::function<void(const Param&)>& on_tensor);
  // Overwrites what the file holds of weights and statistics: a backbone (convolutions, gamma, beta
  // and statistics of the 36 backbone layers) or a full model. Throws Status::kData on a missing
  // tensor or another shape.
  void Load(const TensorFile& file);
  // Adds views of weights and statistics; momentum too if asked (names "momentum.<param>"). What is
  // returned must live until the writer has written.
  [[nodiscard]] std::vector<HostView> AddTo(TensorWriter& writer, bool with_momentum) const;
  void LoadMomentum(const TensorFile& file);

 private:
  HostView View(const DeviceMemory& arena) const;

  Graph graph_;
  Backend& backend_;
  std::unique_ptr<DeviceMemory> weights_, gradients_, momentum_, statistics_;
  int64_t changes_ = 0;
};

// Adds the running statistics by their names. statistics: of graph, alive until the writer has
// written.
void AddStatistics(TensorWriter& writer, const Graph& graph, std::span<const float> statistics);

}  // namespace ssd
