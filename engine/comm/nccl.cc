// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "comm/nccl.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <thread>

#include "comm/nccl_api.h"
#include "core/error.h"

namespace ssd {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::microseconds kPoll{20};

class Nccl : public DeviceCommunicator {
 public:
  explicit Nccl(const CommOptions& options) : options_(options), api_(LoadNccl()) {}
  ~Nccl() override {
    Abort();
    if (ending_.joinable()) ending_.join();
    if (stream_ != nullptr) (void)cudaStreamDestroy(stream_);
  }

  int rank() const override { return options_.rank; }
  int world() const override { return options_.world; }
  std::string Address() override;
  void Connect(const std::vector<std::string>& addresses) override;
  void Sum(std::span<float> values) override {
    Run("ncclAllReduce", [&] {
      return api_.all_reduce(values.data(), values.data(), values.size(), ncclFloat32, ncclSum,
                             comm_, stream_);
    });
  }
  void Sum(std::span<double> values) override {
    Run("ncclAllReduce", [&] {
      return api_.all_reduce(values.data(), values.data(), values.size(), ncclFloat64, ncclSum,
                             comm_, stream_);
    });
  }
  void Broadcast(std::span<std::byte> values) override {
    Run("ncclBroadcast", [&] {
      return api_.broadcast(values.data(), values.data(), values.size(), ncclUint8, 0, comm_,
                            stream_);
    });
  }
  std::optional<std::vector<std::string>> Gather(std::string_view) override {
    Throw(Status::kInternal, "NCCL gathers no bytes of the host");
  }
  void Exchange(int peer, std::span<const std::byte> mine, std::span<std::byte> theirs) override;
  void SumOn(void* stream, std::span<const Values> values) override;
  void SumOn(void* stream, std::span<double> values) override {
    Enqueue("ncclAllReduce", [&] {
      return api_.all_reduce(values.data(), values.data(), values.size(), ncclFloat64, ncclSum,
                             comm_, static_cast<cudaStream_t>(stream));
    });
  }
  void Await(const std::function<bool()>& done) override {
    std::lock_guard lock(mutex_);
    CheckAlive("await");
    Poll("a sum over the GPUs", done);
  }
  // A call that holds the mutex sees the flag.
  void Abort() override {
    aborted_ = true;
    std::lock_guard lock(mutex_);
    End();
  }

 private:
  template <class Call>
  void Run(const char* name, const Call& call) {
    std::lock_guard lock(mutex_);
    CheckAlive(name);
    Check(name, call());
    Poll(name, [this] { return StreamDone(); });
  }
  template <class Call>
  void Enqueue(const char* name, const Call& call) {
    std::lock_guard lock(mutex_);
    CheckAlive(name);
    Check(name, call());
    Poll(name, [] { return true; });
  }
  // What calls hands on, as one: its first failure, or how the group ends. Within a group a call
  // may say that it is in progress.
  template <class Calls>
  ncclResult_t Grouped(const Calls& calls) {
    if (const ncclResult_t start = api_.group_start(); start != ncclSuccess) return start;
    ncclResult_t failure = ncclSuccess;
    calls([&](ncclResult_t result) {
      if (failure == ncclSuccess && result != ncclInProgress) failure = result;
    });
    const ncclResult_t end = api_.group_end();
    return failure == ncclSuccess ? end : failure;
  }
  void CheckAlive(const char* name) {
    if (aborted_) Throw(Status::kAborted, "stopped");
    if (comm_ == nullptr) Fail(name, "the ranks are not connected");
  }
  void Check(const char* name, ncclResult_t result) {
    if (result != ncclSuccess && result != ncclInProgress) Fail(name, api_.error_string(result));
  }
  // Until NCCL has taken all in and done() holds: before, it takes no other call, and its streams
  // no other work. An abort, a failure or the timeout end it.
  template <class Done>
  void Poll(const char* name, const Done& done);
  bool StreamDone() const {
    const cudaError_t error = cudaStreamQuery(stream_);
    if (error != cudaSuccess && error != cudaErrorNotReady)
      Throw(Status::kDevice, "cudaStreamQuery: %s", cudaGetErrorString(error));
    return error == cudaSuccess;
  }
  [[noreturn]] void Fail(const char* name, const char* why) {
    End();
    Throw(Status::kComm, "rank %d of %d: %s: %s: NCCL_DEBUG=INFO says more", rank(), world(), name,
          why);
  }
  // The communicator, by whoever holds the mutex; a call under way returns on every rank. Beside
  // the caller: NCCL stops what runs, then waits for the graphs with its sums, which may be the
  // caller's.
  void End() {
    if (comm_ != nullptr) ending_ = std::thread(api_.abort, comm_);
    comm_ = nullptr;
  }

  const CommOptions options_;
  const NcclApi api_;
  std::atomic<bool> aborted_{false};
  std::mutex mutex_;  // guards the communicator
  ncclComm_t comm_ = nullptr;
  std::thread ending_;
  cudaStream_t stream_ = nullptr;
};

std::string Nccl::Address() {
  if (rank() != 0) return "";
  ncclUniqueId id;
  Check("ncclGetUniqueId", api_.unique_id(&id));
  return {id.internal, sizeof id.internal};
}

void Nccl::Connect(const std::vector<std::string>& addresses) {
  ncclUniqueId id;
  if (static_cast<int>(addresses.size()) != world() || addresses[0].size() != sizeof id.internal)
    Throw(Status::kInvalid, "connect: NCCL needs the id of rank 0 of %d ranks", world());
  std::memcpy(id.internal, addresses[0].data(), sizeof id.internal);
  std::lock_guard lock(mutex_);
  if (aborted_) Throw(Status::kAborted, "stopped");
  const cudaError_t error = cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking);
  if (error != cudaSuccess)
    Throw(Status::kUnavailable, "rank %d of %d: NCCL has no GPU to work on (%s): see nvidia-smi",
          rank(), world(), cudaGetErrorString(error));
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  Check("ncclCommInitRankConfig", api_.init(&comm_, world(), id, rank(), &config));
  Poll("ncclCommInitRankConfig", [] { return true; });
}

void Nccl::SumOn(void* stream, std::span<const Values> values) {
  Enqueue("ncclAllReduce", [&] {
    for (const Values& v : values) SSD_CHECK(v.type == DType::kF32 || v.type == DType::kF16);
    return Grouped([&](auto&& sum) {
      for (const Values& v : values)
        sum(api_.all_reduce(v.data, v.data, v.count,
                            v.type == DType::kF16 ? ncclFloat16 : ncclFloat32, ncclSum, comm_,
                            static_cast<cudaStream_t>(stream)));
    });
  });
}

void Nccl::Exchange(int peer, std::span<const std::byte> mine, std::span<std::byte> theirs) {
  Run("ncclSend and ncclRecv", [&] {
    return Grouped([&](auto&& done) {
      done(api_.send(mine.data(), mine.size(), ncclUint8, peer, comm_, stream_));
      done(api_.receive(theirs.data(), theirs.size(), ncclUint8, peer, comm_, stream_));
    });
  });
}

template <class Done>
void Nccl::Poll(const char* name, const Done& done) {
  const auto deadline = Clock::now() + options_.timeout;
  for (;;) {
    if (aborted_) {
      End();
      Throw(Status::kAborted, "stopped");
    }
    ncclResult_t state = ncclSuccess;
    Check(name, api_.async_error(comm_, &state));
    Check(name, state);
    if (state == ncclSuccess && done()) return;
    if (Clock::now() > deadline) Fail(name, "no answer from the other ranks in time");
    std::this_thread::sleep_for(kPoll);
  }
}

}  // namespace

std::unique_ptr<DeviceCommunicator> OpenNccl(const CommOptions& options) {
  if (options.world < 1 || options.rank < 0 || options.rank >= options.world)
    Throw(Status::kInvalid, "there is no rank %d of %d", options.rank, options.world);
  return std::make_unique<Nccl>(options);
}

}  // namespace ssd
