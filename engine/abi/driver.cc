// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "abi/driver.h"

#include <exception>
#include <utility>

#include "core/error.h"

namespace ssd {

Driver::Driver() : thread_([this] { Run(); }) {}

Driver::~Driver() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Driver::Call(const std::function<void()>& f) {
  std::unique_lock lock(mutex_);
  if (task_ != nullptr) Throw(Status::kInvalid, "calls on one engine must not overlap");
  task_ = &f;
  done_ = false;
  changed_.notify_all();
  changed_.wait(lock, [this] { return done_; });
  task_ = nullptr;
  if (auto failure = std::exchange(failure_, nullptr)) std::rethrow_exception(failure);
}

void Driver::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || (task_ != nullptr && !done_); });
    if (stopping_) return;
    const auto* task = task_;
    lock.unlock();
    std::exception_ptr failure;
    try {
      (*task)();
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    failure_ = failure;
    done_ = true;
    changed_.notify_all();
  }
}

}  // namespace ssd
