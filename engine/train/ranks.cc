// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "train/ranks.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <type_traits>

#include "comm/nccl.h"
#include "core/error.h"
#include "train/options.h"

namespace ssd {

namespace {

class GroupSpan : public NormSpan {
 public:
  explicit GroupSpan(Communicator& group) : group_(group) {}
  int64_t ranks() const override { return group_.world(); }
  void Sum(std::span<double> values, void*) override { group_.Sum(values); }

 private:
  Communicator& group_;
};

class DeviceSpan : public NormSpan {
 public:
  explicit DeviceSpan(DeviceCommunicator& group) : group_(group) {}
  int64_t ranks() const override { return group_.world(); }
  void Sum(std::span<double> values, void* stream) override { group_.SumOn(stream, values); }

 private:
  DeviceCommunicator& group_;
};

static_assert(std::is_trivially_copyable_v<CocoDetection>);

}  // namespace

Ranks::Ranks(const EngineConfig& config)
    : config_(config), group_(std::max(config.model().bn_group(), 1)) {}

void Ranks::CheckGroup(int world) const {
  if (world % group_ != 0)
    Throw(Status::kInvalid, "model.bn_group is %d, must divide the number of ranks, which is %d",
          group_, world);
}

std::string Ranks::Address(int rank, int world) {
  CheckGroup(world);
  if (world > 1 && config_.comm().timeout_seconds() < 1)
    Throw(Status::kInvalid, "comm.timeout_seconds is %d, must be at least 1",
          config_.comm().timeout_seconds());
  CommOptions options{.rank = rank,
                      .world = world,
                      .interface = config_.comm().interface(),
                      .timeout = std::chrono::seconds(config_.comm().timeout_seconds())};
  RankAddress address;
  const bool on_gpus = world > 1 && OpensOnGpu(BackendOptionsOf(config_));
  std::unique_ptr<Communicator> all = world > 1 ? Counted(OpenGloo(options), collectives_)
                                                : OpenSolo(),
                                group;
  std::unique_ptr<DeviceCommunicator> devices = on_gpus ? OpenNccl(options) : nullptr, device_group;
  address.set_all(all->Address());
  if (on_gpus) address.set_devices(devices->Address());
  address.set_on_gpu(on_gpus);
  options.rank = rank % group_;
  options.world = group_;
  if (group_ > 1 && on_gpus) {
    device_group = OpenNccl(options);
    address.set_norm_group(device_group->Address());
  } else if (group_ > 1) {
    group = Counted(OpenGloo(options), collectives_);
    address.set_norm_group(group->Address());
  }
  std::lock_guard lock(mutex_);
  if (connected_) Throw(Status::kInvalid, "address: the ranks are connected already");
  all_ = std::move(all);
  norm_group_ = std::move(group);
  devices_ = std::move(devices);
  device_group_ = std::move(device_group);
  if (aborted_) Throw(Status::kAborted, "stopped");
  return address.SerializeAsString();
}

void Ranks::Connect(const std::vector<std::string>& addresses) {
  if (static_cast<int>(addresses.size()) != world())
    Throw(Status::kInvalid, "connect: %zu addresses for %d ranks", addresses.size(), world());
  if (connected_) Throw(Status::kInvalid, "connect: the ranks are connected already");
  std::vector<std::string> all, group, devices;
  for (int r = 0; r < world(); ++r) {
    RankAddress address;
    if (!address.ParseFromString(addresses[static_cast<size_t>(r)]))
      Throw(Status::kInvalid,
            "connect: the address of rank %d is damaged: start all ranks with the same build", r);
    if (address.on_gpu() != (devices_ != nullptr))
      Throw(Status::kInvalid,
            "connect: rank %d works on a %s, rank %d on a %s: set device.kind to cpu or cuda", r,
            address.on_gpu() ? "GPU" : "CPU", rank(), devices_ != nullptr ? "GPU" : "CPU");
    all.push_back(address.all());
    devices.push_back(address.devices());
    if (r / group_ == rank() / group_) group.push_back(address.norm_group());
  }
  all_->Connect(all);
  if (norm_group_ != nullptr) {
    norm_group_->Connect(group);
    span_ = std::make_unique<GroupSpan>(*norm_group_);
  }
  // After Gloo, which names a rank that does not come.
  if (devices_ != nullptr) devices_->Connect(devices);
  if (device_group_ != nullptr) {
    device_group_->Connect(group);
    span_ = std::make_unique<DeviceSpan>(*device_group_);
  }
  connected_ = true;
}

void Ranks::ShareState(Parameters& parameters, TrainPosition& position) {
  CheckGroup(world());
  if (world() > 1 && !connected_) Throw(Status::kInvalid, "the ranks are not connected");
  for (HostView state :
       {parameters.HostWeights(), parameters.HostMomentum(), parameters.HostStatistics()}) {
    all_->Broadcast(std::as_writable_bytes(state.values()));
    state.Store();
  }
  parameters.Changed();
  all_->Broadcast(std::as_writable_bytes(std::span(&position, 1)));
}

void Ranks::AverageStatistics(Parameters& parameters) {
  if (world() == 1) return;
  HostView statistics = parameters.HostStatistics();
  all_->Sum(statistics.values());
  for (float& v : statistics.values()) v /= static_cast<float>(world());
  statistics.Store();
}

void Ranks::Average(std::span<double> values) {
  all_->Sum(values);
  for (double& v : values) v /= world();
}

std::optional<std::vector<CocoDetection>> Ranks::GatherDetections(
    const std::vector<CocoDetection>& mine) {
  constexpr size_t kRow = sizeof(CocoDetection);
  const auto all = all_->Gather({reinterpret_cast<const char*>(mine.data()), mine.size() * kRow});
  if (!all) return std::nullopt;
  std::vector<CocoDetection> rows;
  for (const std::string& bytes : *all) {  // shards are consecutive: spec section 8
    const size_t before = rows.size();
    rows.resize(before + bytes.size() / kRow);
    if (!bytes.empty()) std::memcpy(&rows[before], bytes.data(), bytes.size());
  }
  return rows;
}

void Ranks::Abort() {
  std::lock_guard lock(mutex_);
  aborted_ = true;
  all_->Abort();
  for (Communicator* other : {norm_group_.get(), static_cast<Communicator*>(devices_.get()),
                              static_cast<Communicator*>(device_group_.get())})
    if (other != nullptr) other->Abort();
}

}  // namespace ssd
