// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "eval/scorer.h"

#include <exception>
#include <utility>

namespace ssd {

Scorer::Scorer(std::string annotations, int threads, Callback on_result)
    : annotations_(std::move(annotations)),
      threads_(threads),
      on_result_(std::move(on_result)),
      thread_([this] { Run(); }) {}

Scorer::~Scorer() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    waiting_.clear();
  }
  changed_.notify_all();
  thread_.join();
}

void Scorer::Submit(int64_t tag, std::vector<CocoDetection> detections) {
  {
    std::lock_guard lock(mutex_);
    waiting_.push_back({tag, std::move(detections)});
  }
  changed_.notify_all();
}

void Scorer::Wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_.empty() && !busy_; });
}

void Scorer::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    const Job job = std::move(waiting_.front());
    waiting_.pop_front();
    busy_ = true;
    lock.unlock();
    on_result_(Score(job));
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

Scorer::Result Scorer::Score(const Job& job) {
  Result result;
  result.tag = job.tag;
  try {
    if (!truth_) truth_ = CocoTruth::Load(annotations_);
    result.score = ScoreCoco(*truth_, job.detections, threads_);
    result.ap = result.score.stats[0];
  } catch (const std::exception& e) {
    result.error = e.what();
  }
  return result;
}

}  // namespace ssd
