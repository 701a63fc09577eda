// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// Streams as late as they may be: work is done when somebody waits for it, so a missing wait shows.
// The null stream does its work at once. One OS thread uses them.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>

struct CUstream_st {
  std::deque<std::function<void()>> work;
  uint64_t taken_in = 0, done = 0;
};
struct CUevent_st {
  CUstream_st* stream = nullptr;
  uint64_t after = 0;  // so much of its work
};

namespace ssd::emulator {

void Enqueue(CUstream_st* stream, std::function<void()> work);
void RunUntil(const CUevent_st& event);
CUevent_st EndOf(CUstream_st* stream);
CUstream_st* OpenStream();
void CloseStream(CUstream_st* stream);  // after its work
void RunAll();                          // of all open streams

}  // namespace ssd::emulator
