// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <cudnn_frontend.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "backends/cuda/context.h"
#include "backends/cuda/plan.h"
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
    Throw(Status::kDevice, "%s: %s", call, fe::detail::get_error_string(status));
}

class TimedEvent {
 public:
  TimedEvent() { SSD_CUDA(cudaEventCreate(&event_)); }
  ~TimedEvent() { (void)cudaEventDestroy(event_); }
  TimedEvent(const TimedEvent&) = delete;
  TimedEvent& operator=(const TimedEvent&) = delete;
  cudaEvent_t get() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

size_t ElementBytes(fe::DataType_t type) {
  switch (type) {
    case fe::DataType_t::HALF:
    case fe::DataType_t::BFLOAT16:
      return 2;
    case fe::DataType_t::INT8:
    case fe::DataType_t::UINT8:
    case fe::DataType_t::BOOLEAN:
      return 1;
    case fe::DataType_t::INT64:
    case fe::DataType_t::DOUBLE:
      return 8;
    default:
      return 4;
  }
}

size_t BytesOf(const fe::graph::Tensor_attributes& tensor) {
  const auto dim = tensor.get_dim(), stride = tensor.get_stride();
  int64_t last = 0;
  for (size_t i = 0; i < dim.size(); ++i) last += (dim[i] - 1) * stride[i];
  return static_cast<size_t>(last + 1) * ElementBytes(tensor.get_data_type());
}

// Runs the plans of a graph on memory of its own.
class GpuRuns final : public PlanRuns {
 public:
  GpuRuns(cudnnHandle_t handle, CudaContext context, fe::graph::Graph& graph)
      : handle_(handle), context_(context), graph_(graph) {
    if (auto status = graph.prepare_variant_pack_template(); status.is_bad())
      Throw(Status::kDevice, "%s", status.get_message().c_str());
    for (const int64_t number : graph.get_variant_pack_uids_sorted()) {
      fe::graph::Tensor_attributes tensor;
      if (graph.query_tensor_attributes_of_uid(number, tensor).is_bad())
        Throw(Status::kInternal, "tensor %lld of a graph is unknown",
              static_cast<long long>(number));
      // A host scalar without a value would have to be one of ours.
      SSD_CHECK(!tensor.get_is_pass_by_value());
      const size_t bytes = BytesOf(tensor);
      memory_.push_back(AllocateCuda(context_, bytes));
      // Every byte so: 0.066 in f16, 2.4e-12 in f32. Zeros would spare a card much of its power.
      SSD_CUDA(cudaMemsetAsync(memory_.back()->data(), 0x2c, bytes, context_.stream));
      pack_[number] = memory_.back()->data();
    }
  }

  std::optional<double> Run(int64_t index) override {
    if (!Grow(index)) return {};
    SSD_CUDA(cudaEventRecord(start_.get(), context_.stream));
    const bool ran = Execute(index);
    SSD_CUDA(cudaEventRecord(end_.get(), context_.stream));
    SSD_CUDA(cudaEventSynchronize(end_.get()));
    if (!ran) return {};
    if (std::exchange(captured_, index) != index && !CanBeCaptured(index)) return {};
    float ms = 0;
    SSD_CUDA(cudaEventElapsedTime(&ms, start_.get(), end_.get()));
    return ms;
  }

 private:
  bool Execute(int64_t index) {
    void* workspace = workspace_ == nullptr ? nullptr : workspace_->data();
    return graph_.execute_plan_at_index(handle_, pack_, workspace, index).is_good();
  }
  // Behind a run, which loads what is loaded once: whether a step's graph can hold the plan. An
  // engine that allocates or waits spoils a capture. Not to be seen without a card.
  bool CanBeCaptured(int64_t index) {
    cudaGraph_t graph = nullptr;
    SSD_CUDA(cudaStreamBeginCapture(context_.stream, cudaStreamCaptureModeThreadLocal));
    const bool enqueued = Execute(index);
    const cudaError_t ended = cudaStreamEndCapture(context_.stream, &graph);
    if (graph != nullptr) (void)cudaGraphDestroy(graph);
    (void)cudaGetLastError();  // what it may have left there
    return enqueued && ended == cudaSuccess;
  }
  // To the workspace of a plan; false if there is no memory for it.
  bool Grow(int64_t index) {
    int64_t wanted = 0;
    if (graph_.get_workspace_size_plan_at_index(index, wanted).is_bad()) return false;
    const auto bytes = static_cast<size_t>(wanted);
    if (bytes == 0 || (workspace_ != nullptr && workspace_->size() >= bytes)) return true;
    workspace_.reset();
    try {
      workspace_ = AllocateCuda(context_, bytes);
    } catch (const Error& e) {
      if (e.status() != Status::kUnavailable) throw;
      return false;
    }
    return true;
  }

  cudnnHandle_t handle_;
  const CudaContext context_;
  fe::graph::Graph& graph_;
  std::vector<std::unique_ptr<DeviceMemory>> memory_;
  std::unique_ptr<DeviceMemory> workspace_;
  PlanPack pack_;
  int64_t captured_ = -1;  // the last plan that was tried
  TimedEvent start_, end_;
};

class GpuTimer final : public PlanTimer {
 public:
  GpuTimer(cudnnHandle_t handle, CudaContext context) : handle_(handle), context_(context) {}
  std::unique_ptr<PlanRuns> Begin(fe::graph::Graph& graph) override {
    try {
      return std::make_unique<GpuRuns>(handle_, context_, graph);
    } catch (const Error& e) {
      if (e.status() != Status::kUnavailable) throw;
      return nullptr;
    }
  }

 private:
  cudnnHandle_t handle_;
  const CudaContext context_;
};

// All that the fastest plan of a graph depends on.
std::string Identity() {
  int id = 0, driver = 0;
  cudaDeviceProp device;
  SSD_CUDA(cudaGetDevice(&id));
  SSD_CUDA(cudaGetDeviceProperties(&device, id));
  SSD_CUDA(cudaDriverGetVersion(&driver));
  return std::string(device.name) + ", compute " + std::to_string(device.major) + "." +
         std::to_string(device.minor) + ", " + std::to_string(device.multiProcessorCount) +
         " processors, cuDNN " + std::to_string(fe::detail::get_backend_version()) + ", driver " +
         std::to_string(driver);
}

class GpuTarget final : public PlanTarget {
 public:
  GpuTarget(void* stream, const PlanOptions& options) {
    const CudaContext context{static_cast<cudaStream_t>(stream)};
    CheckCudnn(fe::detail::create_handle(&handle_), "cudnnCreate");
    CheckCudnn(fe::detail::set_stream(handle_, context.stream), "cudnnSetStream");
    warn = options.warn;
    if (options.time) timer = std::make_unique<GpuTimer>(handle_, context);
    if (!options.cache.empty())
      cache = std::make_unique<PlanCache>(options.cache, Identity(), options.warn);
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

}  // namespace

std::unique_ptr<PlanTarget> OpenGpuTarget(void* stream, const PlanOptions& options) {
  return std::make_unique<GpuTarget>(stream, options);
}

std::unique_ptr<PlanTarget> DescribedTarget(const std::string& properties, int sm) {
  return std::make_unique<Described>(properties, sm);
}

}  // namespace ssd
