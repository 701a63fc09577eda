// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// That the emulator does what CUDA promises, and that it finds the planted faults.
#include "testing/emulator/emulator.h"

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "testing/error_of.h"

namespace ssd {
namespace {

constexpr int kThreads = 96;

enum class Fault { kNone, kNoBarrier, kHalfBarrier, kEarlyExit, kUnwritten };

// Each block reverses its part of data and adds what the warps of the block hold in all.
__global__ void Reverse(int* data, Fault fault) {
  __shared__ int values[kThreads];
  __shared__ int total;
  const int t = static_cast<int>(threadIdx.x), at = static_cast<int>(blockIdx.x) * kThreads;
  if (t == 0 && fault != Fault::kUnwritten) total = 0;
  values[t] = data[at + t];
  if (fault == Fault::kEarlyExit && t == 50) return;
  if (fault == Fault::kHalfBarrier) {
    if (t < kThreads / 2) {
      __syncthreads();
    } else {
      __syncthreads();
    }
  } else {
    __syncthreads();
  }
  int sum = values[t];
  for (int lanes = 16; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, lanes);
  if (t % 32 == 0) atomicAdd(&total, sum);
  if (fault != Fault::kNoBarrier) __syncthreads();
  data[at + t] = values[kThreads - 1 - t] + total;
}

std::vector<int> RunReverse(Fault fault, const emulator::Order& order, int threads = kThreads) {
  std::vector<int> data(3 * kThreads);
  std::iota(data.begin(), data.end(), 0);
  emulator::SetOrder(order);
  emulator::Run({3}, {static_cast<uint32_t>(threads)}, [&] { Reverse(data.data(), fault); });
  return data;
}

std::string Complaint(Fault fault, const emulator::Order& order, int threads = kThreads) {
  return ErrorOf(Status::kInvalid, [&] { RunReverse(fault, order, threads); });
}

constexpr emulator::Order kAscending = {}, kShuffled = {true, 5};

TEST(Emulator, BarriersAndShufflesExchange) {
  for (const auto& order : {kAscending, kShuffled}) {
    const std::vector<int> data = RunReverse(Fault::kNone, order);
    for (int i = 0; i < 3 * kThreads; ++i) {
      const int first = i / kThreads * kThreads, last = first + kThreads - 1;
      const int total = (first + last) * kThreads / 2;
      ASSERT_EQ(data[i], first + last - i + total) << i;
    }
  }
}

TEST(Emulator, AMissingBarrierShowsInTheOrder) {
  EXPECT_NE(RunReverse(Fault::kNoBarrier, kAscending), RunReverse(Fault::kNoBarrier, kShuffled));
}

TEST(Emulator, UnwrittenSharedMemoryShowsInTheOrder) {
  EXPECT_NE(RunReverse(Fault::kUnwritten, kAscending), RunReverse(Fault::kUnwritten, kShuffled));
}

TEST(Emulator, RefusesTwoBarriersAtOnce) {
  for (const auto& order : {kAscending, kShuffled}) {
    EXPECT_NE(Complaint(Fault::kHalfBarrier, order).find("different barriers"), std::string::npos);
  }
}

TEST(Emulator, RefusesABarrierWithoutAllThreads) {
  for (const auto& order : {kAscending, kShuffled})
    EXPECT_NE(Complaint(Fault::kEarlyExit, order), "");
  EXPECT_NO_THROW(RunReverse(Fault::kNone, kAscending, kThreads));  // and goes on afterwards
}

TEST(Emulator, RefusesPartialWarpsAndLargeBlocks) {
  EXPECT_NE(Complaint(Fault::kNone, kAscending, 40).find("do not exist"), std::string::npos);
  EXPECT_NE(Complaint(Fault::kNone, kAscending, 1025).find("1025"), std::string::npos);
}

TEST(Emulator, FindsThreadsThatWaitForever) {
  emulator::SetOrder(kAscending);
  const std::string error = ErrorOf(Status::kInvalid, [] {
    emulator::Run({1}, {64}, [] {
      if (threadIdx.x % 2 == 0) {
        __syncwarp();
      } else {
        __syncthreads();
      }
    });
  });
  EXPECT_NE(error.find("forever"), std::string::npos) << error;
}

TEST(Emulator, VotesByLane) {
  std::vector<uint32_t> votes(64);
  emulator::SetOrder(kShuffled);
  emulator::Run({1}, {64},
                [&] { votes[threadIdx.x] = __ballot_sync(0xffffffffu, threadIdx.x % 3 == 0); });
  EXPECT_EQ(votes[7], 0x49249249u);
  EXPECT_EQ(votes[40], 0x92492492u);
}

}  // namespace
}  // namespace ssd
