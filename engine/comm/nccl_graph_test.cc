// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// Sums of GPUs in a graph, on the emulator.
#include <gtest/gtest.h>

#include <future>
#include <span>

#include "backends/cuda/cuda_backend.h"
#include "comm/nccl.h"
#include "comm/nccl_api.h"
#include "core/error.h"
#include "testing/emulator/nccl.h"

namespace ssd {

NcclApi LoadNccl() {
  return {ncclGetErrorString,    ncclGetUniqueId, ncclCommInitRankConfig,
          ncclCommGetAsyncError, ncclCommAbort,   ncclAllReduce,
          ncclBroadcast,         ncclSend,        ncclRecv,
          ncclGroupStart,        ncclGroupEnd};
}

namespace {

constexpr int kRanks = 3;
constexpr size_t kValues = 5;

class NcclInAGraph : public ::testing::Test {
 protected:
  NcclInAGraph() {
    emulator::Nccl() = {};
    comm_->Connect({comm_->Address(), "", ""});
    backend_->Upload(memory_->data(), std::as_bytes(std::span(ones_)));
    step_ = backend_->Record([this] {
      backend_->Beside([this](void* stream) {
        const DeviceCommunicator::Values parts[] = {{Floats(), 1, DType::kF32},
                                                    {Floats() + 1, 1, DType::kF32},
                                                    {Floats() + 2, 1, DType::kF32}};
        comm_->SumOn(stream, parts);
        comm_->SumOn(stream, std::span(reinterpret_cast<double*>(Floats() + 4), 1));
      });
      backend_->Join();
    });
  }
  float* Floats() { return static_cast<float*>(memory_->data()); }
  std::vector<float> Get() {
    std::vector<float> values(kValues - 1);
    backend_->Download(std::as_writable_bytes(std::span(values)), memory_->data());
    backend_->Synchronize();
    return values;
  }

  const std::vector<float> ones_ = std::vector<float>(kValues - 1, 1);
  // The graph goes before the communicator.
  const std::unique_ptr<DeviceCommunicator> comm_ = OpenNccl({.rank = 0, .world = kRanks});
  const std::unique_ptr<Backend> backend_ = MakeCudaBackend();
  const std::unique_ptr<DeviceMemory> memory_ = backend_->Allocate(4 * sizeof(float) + 8);
  std::unique_ptr<Recorded> step_;
};

TEST_F(NcclInAGraph, HoldsAllSums) {
  for (int run = 0; run < 3; ++run) step_->Run();
  EXPECT_EQ(Get(), (std::vector<float>{27, 27, 27, 1}));
  EXPECT_EQ(emulator::Nccl().sums, 2 * 4) << "those of the first run, and the captured ones";
  EXPECT_EQ(emulator::Nccl().forbidden, 0);
}

TEST_F(NcclInAGraph, AnAbortReturnsWhoWaitsForIt) {
  step_->Run();
  auto abort = std::async(std::launch::async, [this] { comm_->Abort(); });
  try {
    comm_->Await([] { return false; });
    ADD_FAILURE() << "not stopped";
  } catch (const Error& e) {
    EXPECT_EQ(e.status(), Status::kAborted) << e.what();
  }
  abort.get();
  EXPECT_EQ(emulator::Nccl().hung, 0);
}

}  // namespace
}  // namespace ssd
