// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// The part of CUDA that the project's kernels and their launches use, on the emulator. It stands in
// for CUDA's header of this name when a .cu file is compiled as C++ for the tests.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "testing/emulator/emulator.h"
#include "testing/emulator/memory.h"
#include "testing/emulator/stream.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static __attribute__((section("ssd_shared")))
#define __constant__ static

using dim3 = ssd::emulator::Index;
inline const dim3& threadIdx = ssd::emulator::here.thread;
inline const dim3& blockIdx = ssd::emulator::here.block;
inline const dim3& blockDim = ssd::emulator::here.block_size;
inline const dim3& gridDim = ssd::emulator::here.grid;

// Vector types of the alignment that CUDA gives them.
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(4) uchar4 {
  unsigned char x, y, z, w;
};

using std::max;
using std::min;

inline void __syncthreads(int line = __builtin_LINE()) { ssd::emulator::Barrier(line); }
inline void __syncwarp(uint32_t mask = 0xffffffffu, int line = __builtin_LINE()) {
  ssd::emulator::Exchange(mask, 0, line);
}

namespace ssd::emulator {
template <class T>
T FromLane(uint32_t mask, T value, uint32_t lane, int line) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(uint64_t));
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = Exchange(mask, bits, line)[lane & 31];
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
}  // namespace ssd::emulator

template <class T>
T __shfl_sync(uint32_t mask, T value, int lane, int line = __builtin_LINE()) {
  return ssd::emulator::FromLane(mask, value, static_cast<uint32_t>(lane), line);
}
template <class T>
T __shfl_xor_sync(uint32_t mask, T value, int lanes, int line = __builtin_LINE()) {
  return ssd::emulator::FromLane(mask, value, ssd::emulator::Lane() ^ static_cast<uint32_t>(lanes),
                                 line);
}
template <class T>
T __shfl_up_sync(uint32_t mask, T value, unsigned lanes, int line = __builtin_LINE()) {
  const uint32_t self = ssd::emulator::Lane();
  return ssd::emulator::FromLane(mask, value, self < lanes ? self : self - lanes, line);
}
inline uint32_t __ballot_sync(uint32_t mask, bool predicate, int line = __builtin_LINE()) {
  const auto& values = ssd::emulator::Exchange(mask, predicate, line);
  uint32_t votes = 0;
  for (uint32_t lane = 0; lane < 32; ++lane) votes |= (values[lane] != 0 ? 1u : 0u) << lane;
  return votes;
}

// Threads take turns at barriers only, so these are whole by themselves.
template <class T>
T atomicAdd(T* address, T value) {
  const T before = *address;
  *address = before + value;
  return before;
}
template <class T>
T atomicMax(T* address, T value) {
  const T before = *address;
  *address = std::max(before, value);
  return before;
}

// Rounded by itself, whatever follows.
inline float __fmul_rn(float a, float b) {
  const volatile float product = a * b;
  return product;
}
inline int __popc(unsigned bits) { return std::popcount(bits); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }
inline float __uint_as_float(unsigned bits) { return std::bit_cast<float>(bits); }
inline unsigned __float_as_uint(float value) { return std::bit_cast<unsigned>(value); }
template <class T>
T __ldg(const T* address) {
  return *address;
}

// The host's side: one device, whose memory is closed to the host. It refuses what CUDA refuses,
// with CUDA's numbers.
enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorNotReady = 600,
  cudaErrorIllegalAddress = 700,
  cudaErrorStreamCaptureUnsupported = 900,
  cudaErrorStreamCaptureInvalidated = 901,
  cudaErrorStreamCaptureUnmatched = 903,
  cudaErrorStreamCaptureUnjoined = 904,
  cudaErrorStreamCaptureIsolation = 905,
  cudaErrorStreamCaptureImplicit = 906,
  cudaErrorCapturedEvent = 907
};
inline const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
    case cudaErrorNotReady:
      return "device not ready";
    case cudaErrorIllegalAddress:
      return "an illegal memory access was encountered";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
    case cudaErrorStreamCaptureInvalidated:
      return "operation failed due to a previous error during capture";
    case cudaErrorStreamCaptureUnmatched:
      return "capture was not ended in the same stream as it began";
    case cudaErrorStreamCaptureUnjoined:
      return "capturing stream has unjoined work";
    case cudaErrorStreamCaptureIsolation:
      return "dependency created on uncaptured work in another stream";
    case cudaErrorStreamCaptureImplicit:
      return "operation would make the legacy stream depend on a capturing blocking stream";
    case cudaErrorCapturedEvent:
      return "operation not permitted on an event last recorded in a capturing stream";
  }
  return "unrecognized error code";
}
namespace ssd::emulator {
inline cudaError_t ErrorOf(Answer answer) { return static_cast<cudaError_t>(answer); }
}  // namespace ssd::emulator
enum cudaMemcpyKind {
  cudaMemcpyHostToDevice = 1,
  cudaMemcpyDeviceToHost = 2,
  cudaMemcpyDeviceToDevice = 3
};

using cudaStream_t = ssd::emulator::Stream*;
enum { cudaStreamNonBlocking = 1 };
inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = ssd::emulator::OpenStream();
  return cudaSuccess;
}
inline cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  *least = 0;
  *greatest = -5;
  return cudaSuccess;
}
inline cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags,
                                                int priority) {
  const cudaError_t error = cudaStreamCreateWithFlags(stream, flags);
  (*stream)->priority = priority;
  return error;
}
inline cudaError_t cudaStreamGetPriority(cudaStream_t stream, int* priority) {
  *priority = stream->priority;
  return cudaSuccess;
}
inline cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  ssd::emulator::CloseStream(stream);
  return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (const auto answer = ssd::emulator::OutsideCapture()) return ssd::emulator::ErrorOf(answer);
  ssd::emulator::Finish(stream);
  return cudaSuccess;
}
// Whoever asks again and again waits.
inline cudaError_t cudaStreamQuery(cudaStream_t stream) {
  if (const auto answer = ssd::emulator::OutsideCapture()) return ssd::emulator::ErrorOf(answer);
  const bool idle = ssd::emulator::Idle(stream);
  if (!idle) ssd::emulator::Finish(stream);
  return idle ? cudaSuccess : cudaErrorNotReady;
}

using cudaEvent_t = ssd::emulator::Event*;
enum { cudaEventDisableTiming = 2 };
inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new ssd::emulator::Event;
  return cudaSuccess;
}
inline cudaError_t cudaEventDestroy(cudaEvent_t event) {
  ssd::emulator::FinishAll();
  delete event;
  return cudaSuccess;
}
inline cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return ssd::emulator::ErrorOf(ssd::emulator::RecordEvent(event, stream));
}
inline cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (const auto answer = ssd::emulator::OutsideCapture()) return ssd::emulator::ErrorOf(answer);
  return ssd::emulator::ErrorOf(ssd::emulator::Finish(*event));
}
inline cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned = 0) {
  return ssd::emulator::ErrorOf(ssd::emulator::AwaitEvent(stream, event));
}

using cudaGraph_t = std::shared_ptr<const ssd::emulator::Graph>*;
using cudaGraphExec_t = cudaGraph_t;
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1 };
inline cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  return ssd::emulator::ErrorOf(ssd::emulator::BeginCapture(stream));
}
inline cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  std::shared_ptr<const ssd::emulator::Graph> captured;
  *graph = nullptr;
  if (const auto answer = ssd::emulator::EndCapture(stream, &captured))
    return ssd::emulator::ErrorOf(answer);
  *graph = new std::shared_ptr<const ssd::emulator::Graph>(std::move(captured));
  return cudaSuccess;
}
inline cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                        unsigned long long) {
  *executable = new std::shared_ptr<const ssd::emulator::Graph>(*graph);
  return cudaSuccess;
}
inline cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
inline cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  delete graph;
  return cudaSuccess;
}
inline cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
  ssd::emulator::Launch(*graph, stream);
  return cudaSuccess;
}

enum { cudaHostAllocPortable = 1 };
inline cudaError_t cudaHostAlloc(void** data, size_t bytes, unsigned) {
  if (const auto answer = ssd::emulator::OutsideCapture()) return ssd::emulator::ErrorOf(answer);
  *data = ssd::emulator::AllocatePinned(bytes);
  return *data == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}
inline cudaError_t cudaFreeHost(void* data) {
  if (const auto answer = ssd::emulator::OutsideCapture()) return ssd::emulator::ErrorOf(answer);
  ssd::emulator::FreePinned(data);
  return cudaSuccess;
}
// What comes from pageable memory of the host is taken at once, what goes there is waited for, and
// neither can be captured.
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                                   cudaStream_t stream) {
  namespace emulator = ssd::emulator;
  const auto fits = [bytes](const void* address, bool device) {
    return device ? emulator::OnDevice(address, bytes) : !emulator::OnDevice(address, 0);
  };
  const char *first = static_cast<char*>(to), *other = static_cast<const char*>(from);
  if (!fits(to, kind != cudaMemcpyDeviceToHost) || !fits(from, kind != cudaMemcpyHostToDevice) ||
      (first < other + bytes && other < first + bytes))
    return cudaErrorInvalidValue;
  const void* host = kind == cudaMemcpyHostToDevice ? from : to;
  const bool pageable = kind != cudaMemcpyDeviceToDevice && !emulator::Pinned(host);
  if (pageable && emulator::Captured(stream)) return emulator::ErrorOf(emulator::OutsideCapture());
  if (pageable && kind == cudaMemcpyHostToDevice) {
    return emulator::ErrorOf(
        emulator::Enqueue(stream, [to, staged = std::vector<char>(other, other + bytes)] {
          const emulator::Opened opened;
          std::copy(staged.begin(), staged.end(), static_cast<char*>(to));
        }));
  }
  std::shared_ptr<void> used;
  if (kind != cudaMemcpyDeviceToDevice) used = emulator::UsePinned(host);
  const auto answer = emulator::Enqueue(stream, [to, from, bytes, used] {
    const emulator::Opened opened;
    std::memcpy(to, from, bytes);
    (void)used;
  });
  if (pageable) emulator::Finish(stream);
  return emulator::ErrorOf(answer);
}
inline cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  if (!ssd::emulator::OnDevice(to, bytes)) return cudaErrorInvalidValue;
  return ssd::emulator::ErrorOf(ssd::emulator::Enqueue(stream, [=] {
    const ssd::emulator::Opened opened;
    std::memset(to, value, bytes);
  }));
}
template <class T>
cudaError_t cudaMalloc(T** data, size_t bytes) {
  if (const auto answer = ssd::emulator::OutsideCapture()) return ssd::emulator::ErrorOf(answer);
  *data = static_cast<T*>(ssd::emulator::Allocate(bytes));
  return *data == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}
inline cudaError_t cudaFree(void* data) {
  if (const auto answer = ssd::emulator::OutsideCapture()) return ssd::emulator::ErrorOf(answer);
  ssd::emulator::FinishAll();
  return ssd::emulator::Free(data) ? cudaSuccess : cudaErrorInvalidValue;
}

struct cudaDeviceProp {
  char name[256] = "emulator";
  size_t totalGlobalMem = 0;
  int major = 8, minor = 0;
};
inline cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {};
  return cudaSuccess;
}
inline cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}

struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
};
namespace ssd::emulator {
// Whether a kernel would be given an address of the host, by itself or within a structure. There a
// number of 32 bits may have a neighbour that was never written: beside a small one it is no
// address.
template <class T>
bool NamesHost(const T& argument) {
  if constexpr (std::is_pointer_v<T>) return OnHost(argument);
  for (size_t at = 0; at + sizeof(uintptr_t) <= sizeof(T); at += sizeof(uintptr_t)) {
    uintptr_t word = 0;
    std::memcpy(&word, reinterpret_cast<const char*>(&argument) + at, sizeof word);
    if ((word & 0xffffffffu) >= 1u << 20 && OnHost(reinterpret_cast<const void*>(word)))
      return true;
  }
  return false;
}
}  // namespace ssd::emulator
template <class... Wanted, class... Given>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Wanted...),
                               Given&&... args) {
  static_assert((sizeof(Wanted) + ... + 0) <= 4096, "more than every GPU takes");
  if (!ssd::emulator::Fits(config->gridDim, config->blockDim)) return cudaErrorInvalidConfiguration;
  return [&](Wanted... wanted) {
    if ((ssd::emulator::NamesHost(wanted) || ...)) return cudaErrorIllegalAddress;
    return ssd::emulator::ErrorOf(ssd::emulator::Enqueue(
        config->stream, [=, grid = config->gridDim, block = config->blockDim] {
          const ssd::emulator::Opened opened;
          ssd::emulator::Run(grid, block, [&] { kernel(wanted...); });
        }));
  }(std::forward<Given>(args)...);
}
