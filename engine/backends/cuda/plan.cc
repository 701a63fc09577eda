// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/plan.h"

#include <cudnn_frontend.h>

#include <utility>

#include "core/error.h"

// Where the frontend looks cuDNN's functions up: null is the whole process, into which CudaObstacle
// has loaded it. So the engine itself needs no cuDNN to be loaded.
namespace cudnn_frontend {
void* cudnn_dlhandle = nullptr;
}

namespace ssd {

namespace fe = cudnn_frontend;

namespace {

void CheckCudnn(cudnnStatus_t status, const char* call) {
  if (status != CUDNN_STATUS_SUCCESS)
    Throw(Status::kDevice, "%s: cuDNN status %d", call, static_cast<int>(status));
}

class GpuTarget final : public PlanTarget {
 public:
  explicit GpuTarget(void* stream) {
    CheckCudnn(fe::detail::create_handle(&handle_), "cudnnCreate");
    CheckCudnn(fe::detail::set_stream(handle_, static_cast<cudaStream_t>(stream)),
               "cudnnSetStream");
  }
  ~GpuTarget() override { (void)fe::detail::destroy_handle(handle_); }
  GpuTarget(const GpuTarget&) = delete;
  GpuTarget& operator=(const GpuTarget&) = delete;
  cudnnContext* handle() const override { return handle_; }
  void Prepare(fe::graph::Graph&) const override {}

 private:
  cudnnHandle_t handle_ = nullptr;
};

class Described final : public PlanTarget {
 public:
  Described(const std::string& properties, int sm) : sm_(sm) {
    const auto read = std::make_shared<fe::DeviceProperties>();
    auto status = read->deserialize({properties.begin(), properties.end()});
    if (status.is_bad())
      Throw(Status::kInvalid, "device properties: %s", status.get_message().c_str());
    properties_ = read;
  }
  cudnnContext* handle() const override { return nullptr; }
  void Prepare(fe::graph::Graph& graph) const override {
    graph.set_device_properties(properties_);
    graph.set_sm_version(sm_);
  }

 private:
  std::shared_ptr<const fe::DeviceProperties> properties_;
  int sm_;
};

fe::error_t Build(const PlanTarget& target, fe::graph::Graph& graph) {
  const std::vector<fe::HeurMode_t> modes = {fe::HeurMode_t::A, fe::HeurMode_t::FALLBACK};
  if (target.handle() != nullptr) return graph.build(target.handle(), modes);
  return graph.build(modes);
}

}  // namespace

std::unique_ptr<PlanTarget> OpenGpuTarget(void* stream) {
  return std::make_unique<GpuTarget>(stream);
}

std::unique_ptr<PlanTarget> DescribedTarget(const std::string& properties, int sm) {
  return std::make_unique<Described>(properties, sm);
}

CudnnPlan::CudnnPlan(PlanTarget& target, const std::string& name,
                     const std::shared_ptr<fe::graph::Graph>& graph) {
  const auto known = target.built.find(name);
  if (known == target.built.end()) {
    plan_ = {graph, {name, "", 0, ""}};
    target.Prepare(*graph);
    auto status = Build(target, *graph);
    if (status.is_good()) status = graph->get_plan_name(plan_.record.engine);
    if (status.is_good()) status = graph->get_workspace_size(plan_.record.workspace);
    if (status.is_bad()) plan_.record.refusal = status.get_message();
    target.built.emplace(name, plan_);
  } else {
    plan_ = known->second;
  }
  if (!plan_.record.refusal.empty())
    Throw(Status::kUnavailable, "cuDNN has no engine for %s: %s", name.c_str(),
          plan_.record.refusal.c_str());
}

void CudnnPlan::Run(const PlanTarget& target, PlanPack& pack, void* workspace) const {
  auto status = plan_.graph->execute(target.handle(), pack, workspace);
  if (status.is_bad())
    Throw(Status::kDevice, "%s: %s", plan_.record.graph.c_str(), status.get_message().c_str());
}

}  // namespace ssd
