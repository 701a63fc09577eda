// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "abi/event_queue.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace ssd {

static_assert(sizeof(ssd_event) == 160);
constexpr bool Same(uint32_t kind, int c_kind) { return kind == static_cast<uint32_t>(c_kind); }
static_assert(Same(kEventLog, SSD_EVENT_LOG));
static_assert(Same(kEventTensorInit, SSD_EVENT_TENSOR_INIT));
static_assert(Same(kEventStep, SSD_EVENT_STEP));
static_assert(Same(kEventEvalBegin, SSD_EVENT_EVAL_BEGIN));
static_assert(Same(kEventEvalEnd, SSD_EVENT_EVAL_END));
static_assert(Same(kEventDropped, SSD_EVENT_DROPPED));
static_assert(Same(kEventLearningRate, SSD_EVENT_LEARNING_RATE));
static_assert(Same(kEventProgress, SSD_EVENT_PROGRESS));
static_assert(Same(kEventEvalFailed, SSD_EVENT_EVAL_FAILED));
static_assert(Same(kEventWhere, SSD_EVENT_WHERE));
static_assert(Same(kEventSkipped, SSD_EVENT_SKIPPED));

namespace {

int64_t UnixNanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool Droppable(uint32_t kind) {
  return kind == SSD_EVENT_LOG || kind == SSD_EVENT_STEP || kind == SSD_EVENT_LEARNING_RATE ||
         kind == SSD_EVENT_PROGRESS;
}

}  // namespace

void CopyText(std::string_view text, char* out, size_t size) {
  size_t n = std::min(text.size(), size - 1);
  if (n < text.size())
    while (n > 0 && (static_cast<unsigned char>(text[n]) & 0xc0) == 0x80) --n;
  std::memcpy(out, text.data(), n);
  out[n] = '\0';
}

ssd_event MakeEvent(uint32_t kind, uint32_t level, int64_t step, double value,
                    std::string_view text) {
  ssd_event event{};
  event.unix_ns = UnixNanoseconds();
  event.step = step;
  event.value = value;
  event.kind = kind;
  event.level = level;
  CopyText(text, event.text, sizeof event.text);
  return event;
}

void EventQueue::Emit(uint32_t kind, uint32_t level, int64_t step, double value,
                      std::string_view text) {
  const ssd_event event = MakeEvent(kind, level, step, value, text);
  {
    std::lock_guard lock(mutex_);
    if (events_.size() >= capacity_ && Droppable(kind)) {
      ++dropped_;
      return;
    }
    events_.push_back(event);
  }
  ready_.notify_one();
}

size_t EventQueue::Poll(ssd_event* out, size_t cap, int32_t timeout_ms) {
  if (cap == 0) return 0;
  std::unique_lock lock(mutex_);
  const auto any = [this] { return !events_.empty(); };
  if (timeout_ms < 0)
    ready_.wait(lock, any);
  else if (!ready_.wait_for(lock, std::chrono::milliseconds(timeout_ms), any))
    return 0;
  size_t n = 0;
  if (dropped_ > 0) {
    out[n++] = MakeEvent(SSD_EVENT_DROPPED, kWarning, 0, static_cast<double>(dropped_), "");
    dropped_ = 0;
  }
  while (n < cap && !events_.empty()) {
    out[n++] = events_.front();
    events_.pop_front();
  }
  return n;
}

}  // namespace ssd
