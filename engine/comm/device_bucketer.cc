// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "comm/device_bucketer.h"

#include <algorithm>
#include <utility>

namespace ssd {

DeviceBucketer::DeviceBucketer(DeviceCommunicator& comm, Backend& backend,
                               std::vector<GradientRun> runs, size_t bucket)
    : comm_(comm),
      backend_(backend),
      runs_(std::move(runs)),
      bucket_(bucket),
      left_(runs_.size()) {}

void DeviceBucketer::Ready(int64_t first) {
  for (; left_ > 0 && runs_[left_ - 1].first >= first; --left_) {
    const GradientRun& run = runs_[left_ - 1];
    const size_t count = static_cast<size_t>(run.count), bytes = count * SizeOf(run.type);
    // One that ends where another begins lengthens it.
    const auto behind = std::ranges::find_if(filling_, [&](const auto& values) {
      return values.type == run.type && values.data == static_cast<std::byte*>(run.data) + bytes;
    });
    if (behind == filling_.end()) {
      filling_.push_back({run.data, count, run.type});
    } else {
      *behind = {run.data, behind->count + count, run.type};
    }
    bytes_ += bytes;
    if (bytes_ >= bucket_) Send();
  }
}

void DeviceBucketer::Finish() {
  Ready(0);
  if (!filling_.empty()) Send();
  backend_.Join();
  left_ = runs_.size();
}

void DeviceBucketer::Send() {
  backend_.Beside([this](void* stream) { comm_.SumOn(stream, filling_); });
  filling_.clear();
  bytes_ = 0;
}

}  // namespace ssd
