// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs CUDA kernels on the CPU, to compare their real source with the plain loops: one fiber a
// thread, blocks one after another. A thread runs until it must wait for others (a barrier, a
// shuffle), so an unsynchronised exchange shows as a result that depends on the order of threads.
// The kernels see it through include/cuda_runtime.h, which has the names of CUDA's own.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

namespace ssd::emulator {

struct Index {
  uint32_t x = 1, y = 1, z = 1;
};

// In which order the blocks of a grid, and in each pass the threads of a block, take their turns.
struct Order {
  bool shuffled = false;  // else ascending
  uint64_t seed = 0;
};
// For the launches from now on. One OS thread uses the emulator.
void SetOrder(const Order& order);

// Whether there is a GPU that takes them.
bool Fits(const Index& grid, const Index& block);

// body(), once for each thread of the grid. Shared memory starts with garbage in every block.
// Throws Status::kInvalid, naming the line of the kernel, for a grid that no GPU takes, a barrier
// or warp operation that not all of its threads reach, and threads that wait for each other
// forever.
void Run(const Index& grid, const Index& block, const std::function<void()>& body);

// Where the running thread is.
struct Place {
  Index thread, block, block_size, grid;
};
extern Place here;
uint32_t Lane();

// What the running thread may ask. Lines are of the kernel's source.
void Barrier(int line);
// Gives value to the lanes of mask and returns theirs, by lane.
const std::array<uint64_t, 32>& Exchange(uint32_t mask, uint64_t value, int line);

}  // namespace ssd::emulator
