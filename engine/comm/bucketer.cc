// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "comm/bucketer.h"

#include <algorithm>

namespace ssd {

Bucketer::Bucketer(Communicator& comm, std::span<float> values, size_t bucket)
    : comm_(comm),
      values_(values),
      bucket_(bucket),
      ready_(values.size()),
      summed_(values.size()),
      thread_([this] { Run(); }) {}

Bucketer::~Bucketer() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    if (summing_) comm_.Abort();
  }
  changed_.notify_all();
  thread_.join();
}

void Bucketer::Ready(size_t first) {
  {
    std::lock_guard lock(mutex_);
    ready_ = std::min(ready_, first);
  }
  changed_.notify_all();
}

void Bucketer::Finish() {
  Ready(0);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return summed_ == 0 || failure_ != nullptr; });
  if (failure_ != nullptr) std::rethrow_exception(failure_);
  ready_ = summed_ = values_.size();
}

void Bucketer::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto begin = [this] { return summed_ - std::min(summed_, bucket_); };
    changed_.wait(lock, [&] { return stopping_ || (summed_ > 0 && ready_ <= begin()); });
    if (stopping_) return;
    const size_t first = begin(), count = summed_ - first;
    summing_ = true;
    lock.unlock();
    std::exception_ptr failure;
    try {
      comm_.Sum(values_.subspan(first, count));
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    summing_ = false;
    summed_ = first;
    failure_ = failure;
    changed_.notify_all();
    if (failure != nullptr) return;
  }
}

}  // namespace ssd
