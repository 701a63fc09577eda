// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// That the emulated runtime refuses what CUDA's does, with its numbers.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <string>
#include <utility>

#include "testing/error_of.h"

namespace ssd {
namespace {

constexpr size_t kBytes = 512;

__global__ void Write(int* to) { *to = 7; }
struct Task {
  int64_t count;
  int* to;
};
__global__ void WriteTask(Task task) { *task.to = 7; }

class EmulatedRuntime : public ::testing::Test {
 protected:
  EmulatedRuntime() {
    for (auto** stream : {&main_, &side_}) cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking);
    for (auto** event : {&forked_, &joined_})
      cudaEventCreateWithFlags(event, cudaEventDisableTiming);
    cudaMalloc(&device_, kBytes);
    cudaHostAlloc(&pinned_, kBytes, cudaHostAllocPortable);
    cudaStreamSynchronize(main_);
  }
  ~EmulatedRuntime() override {
    for (auto* stream : {side_, main_}) cudaStreamDestroy(stream);
    for (auto* event : {forked_, joined_}) cudaEventDestroy(event);
    cudaFree(device_);
    cudaFreeHost(pinned_);
  }
  void Begin() { ASSERT_EQ(cudaStreamBeginCapture(main_, kMode), cudaSuccess); }
  cudaError_t End() {
    cudaGraph_t graph = nullptr;
    const cudaError_t error = cudaStreamEndCapture(main_, &graph);
    if (graph != nullptr) cudaGraphDestroy(graph);
    return error;
  }
  cudaError_t Launch(cudaStream_t stream, int* to, dim3 grid = {1}, dim3 block = {1}) {
    const cudaLaunchConfig_t config{grid, block, 0, stream};
    return cudaLaunchKernelEx(&config, Write, to);
  }
  cudaError_t Copy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
    return cudaMemcpyAsync(to, from, bytes, kind, main_);
  }

  static constexpr auto kMode = cudaStreamCaptureModeThreadLocal;
  cudaStream_t main_ = nullptr, side_ = nullptr;
  cudaEvent_t forked_ = nullptr, joined_ = nullptr;
  char* device_ = nullptr;
  void* pinned_ = nullptr;
  std::array<char, kBytes> pageable_{};
};

TEST_F(EmulatedRuntime, WhoCapturesMayNotAllocateWaitOrAsk) {
  void* data = nullptr;
  const std::pair<const char*, std::function<cudaError_t()>> calls[] = {
      {"cudaMalloc", [&] { return cudaMalloc(&data, 1); }},
      {"cudaFree", [&] { return cudaFree(nullptr); }},
      {"cudaHostAlloc", [&] { return cudaHostAlloc(&data, 1, 0); }},
      {"cudaFreeHost", [&] { return cudaFreeHost(pinned_); }},
      {"cudaStreamSynchronize", [&] { return cudaStreamSynchronize(side_); }},
      {"cudaStreamQuery", [&] { return cudaStreamQuery(side_); }},
      {"cudaEventSynchronize", [&] { return cudaEventSynchronize(joined_); }},
      {"from pageable memory",
       [&] { return Copy(device_, pageable_.data(), kBytes, cudaMemcpyHostToDevice); }},
      {"to pageable memory",
       [&] { return Copy(pageable_.data(), device_, kBytes, cudaMemcpyDeviceToHost); }}};
  for (const auto& [name, call] : calls) {
    Begin();
    EXPECT_EQ(call(), cudaErrorStreamCaptureUnsupported) << name;
    EXPECT_EQ(Launch(main_, reinterpret_cast<int*>(device_)), cudaErrorStreamCaptureInvalidated);
    EXPECT_EQ(End(), cudaErrorStreamCaptureInvalidated) << name;
  }
  Begin();
  EXPECT_EQ(Copy(device_, pinned_, kBytes, cudaMemcpyHostToDevice), cudaSuccess);
  EXPECT_EQ(End(), cudaSuccess);
}

TEST_F(EmulatedRuntime, NothingRunsBesideACaptureOnTheDefaultStream) {
  Begin();
  EXPECT_EQ(Launch(nullptr, reinterpret_cast<int*>(device_)), cudaErrorStreamCaptureImplicit);
  EXPECT_EQ(End(), cudaErrorStreamCaptureInvalidated);
}

TEST_F(EmulatedRuntime, ACaptureWaitsForNothingOutside) {
  cudaEventRecord(joined_, side_);
  Begin();
  EXPECT_EQ(cudaStreamWaitEvent(main_, joined_), cudaErrorStreamCaptureIsolation);
  EXPECT_EQ(End(), cudaErrorStreamCaptureInvalidated);
}

TEST_F(EmulatedRuntime, NobodyOutsideWaitsForACapture) {
  Begin();
  cudaEventRecord(forked_, main_);
  EXPECT_EQ(End(), cudaSuccess);
  EXPECT_EQ(cudaStreamWaitEvent(side_, forked_), cudaErrorCapturedEvent);
  EXPECT_EQ(cudaEventSynchronize(forked_), cudaErrorCapturedEvent);
  cudaEventRecord(forked_, main_);
  EXPECT_EQ(cudaStreamWaitEvent(side_, forked_), cudaSuccess);
  EXPECT_EQ(cudaEventSynchronize(forked_), cudaSuccess);
}

TEST_F(EmulatedRuntime, CopiesStayWithinWhatTheySayTheyTouch) {
  char* host = pageable_.data();
  EXPECT_EQ(Copy(device_, host, kBytes, cudaMemcpyHostToDevice), cudaSuccess);
  EXPECT_EQ(Copy(device_ + 256, device_, 256, cudaMemcpyDeviceToDevice), cudaSuccess);
  EXPECT_EQ(Copy(host, host, 1, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(Copy(device_, device_, 1, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(Copy(host, device_, 1, cudaMemcpyDeviceToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(Copy(device_, host, kBytes + 1, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(Copy(device_ + 1, device_, 2, cudaMemcpyDeviceToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemsetAsync(device_ + 1, 0, kBytes, main_), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemsetAsync(host, 0, 1, main_), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(device_ + 256), cudaErrorInvalidValue);
}

TEST_F(EmulatedRuntime, KernelsAreGivenTheDevicesAddresses) {
  auto* on_device = reinterpret_cast<int*>(device_);
  auto* on_host = reinterpret_cast<int*>(pageable_.data());
  EXPECT_EQ(Launch(main_, on_device), cudaSuccess);
  for (int* host : {on_host, static_cast<int*>(pinned_)}) {
    EXPECT_EQ(Launch(main_, host), cudaErrorIllegalAddress);
    const cudaLaunchConfig_t config{{1}, {1}, 0, main_};
    EXPECT_EQ(cudaLaunchKernelEx(&config, WriteTask, Task{1, host}), cudaErrorIllegalAddress);
    EXPECT_EQ(cudaLaunchKernelEx(&config, WriteTask, Task{1, on_device}), cudaSuccess);
  }
  EXPECT_EQ(cudaStreamSynchronize(main_), cudaSuccess);
}

TEST_F(EmulatedRuntime, LaunchesAreOfASizeThatGpusTake) {
  auto* to = reinterpret_cast<int*>(device_);
  EXPECT_EQ(Launch(main_, to, {1, 65535, 65535}, {1024}), cudaSuccess);
  for (const auto& [grid, block] : {std::pair<dim3, dim3>{{0}, {1}},
                                    {{1, 65536}, {1}},
                                    {{1, 1, 65536}, {1}},
                                    {{1}, {0}},
                                    {{1}, {1025}},
                                    {{1}, {1, 1, 65}}})
    EXPECT_EQ(Launch(main_, to, grid, block), cudaErrorInvalidConfiguration);
  main_->items.clear();
}

TEST_F(EmulatedRuntime, MemoryOfTheHostIsFreedBehindItsCopies) {
  void* data = nullptr;
  cudaHostAlloc(&data, kBytes, 0);
  Copy(device_, data, kBytes, cudaMemcpyHostToDevice);
  EXPECT_NE(ErrorOf(Status::kInvalid, [&] { cudaFreeHost(data); }).find("a copy uses it"),
            std::string::npos);
  cudaStreamSynchronize(main_);
  EXPECT_EQ(cudaFreeHost(data), cudaSuccess);
}

TEST_F(EmulatedRuntime, BlocksAreOnLinesOf256AndHoldGarbage) {
  bool on_more = true;
  for (const size_t bytes : {1, 256, 257, 4096, 5000}) {
    unsigned char* data = nullptr;
    cudaMalloc(&data, bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % 256, 0u);
    on_more = on_more && reinterpret_cast<uintptr_t>(data) % 512 == 0;
    const emulator::Opened opened;
    EXPECT_EQ(data[bytes - 1], 0xff);
    EXPECT_DEATH(data[(bytes + 255) / 256 * 256] = 0, "") << bytes;
    cudaFree(data);
  }
  EXPECT_FALSE(on_more);
}

}  // namespace
}  // namespace ssd
