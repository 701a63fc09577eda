// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string_view>

#include "abi/ssd_engine.h"
#include "train/session.h"

namespace ssd {

// The bounded ring behind ssd_engine_poll. Thread-safe. LOG, LEARNING_RATE, STEP and PROGRESS are
// dropped when it is full, and the next Poll then starts with a DROPPED that tells how many; other
// kinds always enter.
class EventQueue : public EventSink {
 public:
  explicit EventQueue(size_t capacity) : capacity_(capacity) {}

  void Emit(uint32_t kind, uint32_t level, int64_t step, double value,
            std::string_view text) override;
  // Waits up to timeout_ms for the first event (below 0: without end); returns the number copied.
  size_t Poll(ssd_event* out, size_t cap, int32_t timeout_ms);

 private:
  const size_t capacity_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<ssd_event> events_;
  int64_t dropped_ = 0;
};

// An event of this moment.
ssd_event MakeEvent(uint32_t kind, uint32_t level, int64_t step, double value,
                    std::string_view text);

// Copies text with a final NUL, cut at a UTF-8 character if it is too long. REQUIRES: size > 0.
void CopyText(std::string_view text, char* out, size_t size);

}  // namespace ssd
