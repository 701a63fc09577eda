// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// Stands in for NCCL where its own source sets the rules for captured sums of communicators that do
// not block (docs/decisions/0004-nccl-in-a-graph.md). All ranks have the values of this one, so
// that a sum is a product; sums of f32 and f64 are all it does. The thread that NCCL would start
// works when its state is asked for the second time: whoever does not ask captures nothing.
#pragma once

#include <cstdint>

namespace ssd::emulator {

struct NcclRecord {
  int64_t sums = 0;       // enqueued
  int64_t forbidden = 0;  // calls while one was in progress
  int64_t hung = 0;       // aborts that would never return: by the thread that has the graph
};
NcclRecord& Nccl();

}  // namespace ssd::emulator
