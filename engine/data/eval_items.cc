// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/eval_items.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace ssd {

EvalItems::Slot::Slot(int64_t batch)
    : image_id(static_cast<size_t>(batch)),
      width(static_cast<size_t>(batch)),
      height(static_cast<size_t>(batch)),
      bad(static_cast<size_t>(batch)) {}

EvalItems::EvalItems(const CocoIndex& index, const DataOptions& options, int64_t batch,
                     BadImageReport report)
    : index_(index),
      bad_image_(options.bad_image),
      batch_(batch),
      report_(std::move(report)),
      shard_(ShardOf(index.size(), options.rank, options.ranks)) {}

void EvalItems::Fill(Slot& slot, int64_t batch, int64_t item,
                     const std::function<void(int64_t)>& prepare,
                     const std::function<void()>& nothing) {
  const int64_t image = shard_.begin + batch * batch_ + item;
  const auto at = static_cast<size_t>(item);
  slot.bad[at].clear();
  if (image >= shard_.end) return nothing();
  slot.image_id[at] = index_.image_id(image);
  slot.width[at] = index_.width(image);
  slot.height[at] = index_.height(image);
  try {
    prepare(image);
  } catch (const Error& e) {
    if (bad_image_ != BadImage::kSkip || e.status() != Status::kData) throw;
    nothing();
    slot.bad[at] = e.what();
  }
}

EvalBatch EvalItems::Report(Slot& slot, int64_t batch) {
  const int64_t count = std::min(batch_, shard_.size() - batch * batch_);
  const auto last = static_cast<size_t>(count - 1);
  for (auto i = static_cast<size_t>(count); i < slot.bad.size(); ++i) {
    slot.image_id[i] = slot.image_id[last];
    slot.width[i] = slot.width[last];
    slot.height[i] = slot.height[last];
  }
  for (const std::string& message : slot.bad) {
    if (message.empty()) continue;
    ++skipped_;
    report_(message);
  }
  return {.image = nullptr,
          .image_id = slot.image_id.data(),
          .width = slot.width.data(),
          .height = slot.height.data(),
          .count = count};
}

}  // namespace ssd
