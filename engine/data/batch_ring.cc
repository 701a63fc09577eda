// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/batch_ring.h"

#include <system_error>
#include <utility>

#include "core/error.h"

namespace ssd {

BatchRing::BatchRing(Filler& filler, const Options& options)
    : filler_(filler), options_(options), slots_(static_cast<size_t>(SlotsOf(options))) {
  SSD_CHECK(options.threads >= 1 && options.prefetch >= 1 && options.items >= 1);
  try {
    Start();
  } catch (const std::system_error& e) {
    Stop();
    Throw(Status::kUnavailable, "data.threads: %d loader threads cannot be started: %s",
          options.threads, e.what());
  }
}

BatchRing::~BatchRing() { Stop(); }

void BatchRing::Start() {
  threads_.reserve(static_cast<size_t>(options_.threads));
  for (int i = 0; i < options_.threads; ++i) threads_.emplace_back([this, i] { Work(i); });
}

void BatchRing::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

void BatchRing::Abort() {
  {
    std::lock_guard lock(mutex_);
    aborted_ = true;
  }
  work_.notify_all();
  done_.notify_all();
}

bool BatchRing::CanStart() const {
  if (broken_ || (options_.batches >= 0 && next_batch_ >= options_.batches)) return false;
  const int64_t given_back = taken_ - (holding_ ? 1 : 0);
  return next_batch_ < given_back + static_cast<int64_t>(slots_.size());
}

// REQUIRES: the lock, CanStart().
BatchRing::Task BatchRing::TakeTask() {
  if (next_item_ == 0) {
    filler_.Open(next_batch_);
    SlotOf(next_batch_) = {.missing = options_.items, .error_item = -1, .error = nullptr};
  }
  const Task task{next_batch_, next_item_};
  if (++next_item_ == options_.items) {
    next_item_ = 0;
    ++next_batch_;
  }
  return task;
}

void BatchRing::Work(int worker) {
  for (;;) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [&] { return stopping_ || aborted_ || CanStart(); });
      if (stopping_ || aborted_) return;
      try {
        task = TakeTask();
      } catch (...) {
        broken_ = std::current_exception();
        done_.notify_all();
        continue;
      }
    }
    std::exception_ptr error;
    try {
      filler_.Fill(worker, task.batch, task.item);
    } catch (...) {
      error = std::current_exception();
    }
    Finish(task, std::move(error));
  }
}

void BatchRing::Finish(const Task& task, std::exception_ptr error) {
  std::lock_guard lock(mutex_);
  Slot& slot = SlotOf(task.batch);
  if (error && (slot.error_item < 0 || task.item < slot.error_item)) {
    slot.error_item = task.item;
    slot.error = std::move(error);
  }
  if (--slot.missing == 0) done_.notify_all();
}

// REQUIRES: the lock.
bool BatchRing::IsReady() { return next_batch_ > taken_ && SlotOf(taken_).missing == 0; }

bool BatchRing::Ready() {
  std::lock_guard lock(mutex_);
  const bool over = options_.batches >= 0 && taken_ >= options_.batches;
  return !over && !aborted_ && IsReady() && !SlotOf(taken_).error;
}

int64_t BatchRing::Next() {
  std::unique_lock lock(mutex_);
  if (std::exchange(holding_, false)) work_.notify_all();
  if (options_.batches >= 0 && taken_ >= options_.batches) return -1;
  done_.wait(lock, [&] { return aborted_ || IsReady() || (broken_ && next_batch_ <= taken_); });
  if (aborted_) throw Error(Status::kAborted, "the input was aborted");
  if (!IsReady()) std::rethrow_exception(broken_);
  holding_ = true;
  const int64_t batch = taken_++;
  if (SlotOf(batch).error) std::rethrow_exception(SlotOf(batch).error);
  return batch;
}

}  // namespace ssd
