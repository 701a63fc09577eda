// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "testing/emulator/nccl.h"

#include <nccl.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

// The thread that captures has the graphs.
struct ncclComm {
  const int ranks;
  ncclResult_t state = ncclInProgress;
  int asked = 0;                                // while in progress
  std::vector<std::function<void()>> job = {};  // of the thread that would be NCCL's
  std::thread::id owner = {};                   // of the graphs
  std::mutex mutex = {};                        // guards graphs
  std::condition_variable gone = {};
  int graphs = 0;  // captured sums that can run again
};

namespace ssd {
namespace {

thread_local int depth = 0;
thread_local ncclComm_t group = nullptr;

// Held by what a graph runs.
std::shared_ptr<void> Reference(ncclComm_t comm) {
  const std::lock_guard lock(comm->mutex);
  ++comm->graphs;
  return {comm, [](ncclComm_t held) {
            const std::lock_guard last(held->mutex);
            --held->graphs;
            held->gone.notify_all();
          }};
}

template <class T>
void Multiply(ncclComm_t comm, void* values, size_t count, cudaStream_t stream) {
  std::shared_ptr<void> reference;
  if (emulator::Captured(stream)) reference = Reference(comm);
  ++emulator::Nccl().sums;
  emulator::Enqueue(stream, [=, ranks = comm->ranks] {
    const emulator::Opened opened;
    for (size_t i = 0; i < count; ++i) static_cast<T*>(values)[i] *= static_cast<T>(ranks);
    (void)reference;
  });
}

ncclResult_t Launch(ncclComm_t comm) {
  comm->state = ncclInProgress;
  comm->asked = 0;
  return ncclInProgress;
}

}  // namespace

emulator::NcclRecord& emulator::Nccl() {
  static NcclRecord record;
  return record;
}

}  // namespace ssd

const char* ncclGetErrorString(ncclResult_t) { return "an error of the emulator's NCCL"; }

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  *id = {};
  return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int ranks, ncclUniqueId, int,
                                    ncclConfig_t* config) {
  if (config->blocking != 0) return ncclInvalidUsage;
  *comm = new ncclComm{.ranks = ranks};
  return ncclInProgress;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* state) {
  if (comm->state == ncclInProgress && ++comm->asked == 2) {
    for (const auto& work : comm->job) work();
    comm->job.clear();
    comm->state = ncclSuccess;
  }
  *state = comm->state;
  return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
  std::unique_lock lock(comm->mutex);
  if (comm->graphs > 0 && comm->owner == std::this_thread::get_id()) {
    ++ssd::emulator::Nccl().hung;
    return ncclInternalError;
  }
  comm->gone.wait(lock, [comm] { return comm->graphs == 0; });
  lock.unlock();
  delete comm;
  return ncclSuccess;
}

ncclResult_t ncclAllReduce(const void*, void* to, size_t count, ncclDataType_t type, ncclRedOp_t,
                           ncclComm_t comm, cudaStream_t stream) {
  if (comm->state != ncclSuccess) {
    ++ssd::emulator::Nccl().forbidden;
    return ncclInvalidUsage;
  }
  if (type != ncclFloat32 && type != ncclFloat64) return ncclInvalidUsage;
  comm->owner = std::this_thread::get_id();
  comm->job.emplace_back([=] {
    if (type == ncclFloat32) ssd::Multiply<float>(comm, to, count, stream);
    if (type == ncclFloat64) ssd::Multiply<double>(comm, to, count, stream);
  });
  if (ssd::depth == 0) return ssd::Launch(comm);
  // Within a group it may say either.
  return std::exchange(ssd::group, comm) == nullptr ? ncclSuccess : ncclInProgress;
}

ncclResult_t ncclBroadcast(const void*, void*, size_t, ncclDataType_t, int, ncclComm_t,
                           cudaStream_t) {
  return ncclInvalidUsage;
}
ncclResult_t ncclSend(const void*, size_t, ncclDataType_t, int, ncclComm_t, cudaStream_t) {
  return ncclInvalidUsage;
}
ncclResult_t ncclRecv(void*, size_t, ncclDataType_t, int, ncclComm_t, cudaStream_t) {
  return ncclInvalidUsage;
}

ncclResult_t ncclGroupStart() {
  ++ssd::depth;
  return ncclSuccess;
}
ncclResult_t ncclGroupEnd() {
  if (--ssd::depth > 0 || ssd::group == nullptr) return ncclSuccess;
  return ssd::Launch(std::exchange(ssd::group, nullptr));
}
