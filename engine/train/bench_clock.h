// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>

#include <atomic>
#include <chrono>

#include "core/error.h"

namespace ssd {

using BenchClock = std::chrono::steady_clock;

inline double Milliseconds(BenchClock::duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

inline rusage Usage() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage;
}

// Of all threads of the process.
inline double CpuMilliseconds() {
  const rusage u = Usage();
  return 1e3 * static_cast<double>(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
         1e-3 * static_cast<double>(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

inline void CheckAborted(const std::atomic<bool>& aborted) {
  if (aborted) Throw(Status::kAborted, "the benchmark was stopped");
}

}  // namespace ssd
