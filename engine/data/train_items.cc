// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/train_items.h"

#include <utility>

#include "core/error.h"

namespace ssd {

TrainItems::Slot::Slot(int64_t batch)
    : image_id(static_cast<size_t>(batch)),
      keys(static_cast<size_t>(batch)),
      bad(static_cast<size_t>(batch)) {}

TrainItems::TrainItems(const CocoIndex& index, const DataOptions& options, int64_t position,
                       BadImageReport report)
    : index_(index),
      bad_image_(options.bad_image),
      report_(std::move(report)),
      sampler_({.items = static_cast<int64_t>(index.with_boxes().size()),
                .seed = options.seed,
                .rank = options.rank,
                .ranks = options.ranks,
                .cache = options.cache_sharding},
               position) {}

void TrainItems::Open(Slot& slot) {
  for (SampleKey& key : slot.keys) key = sampler_.Next();
  for (auto& bad : slot.bad) bad.clear();
}

void TrainItems::Fill(Slot& slot, int64_t item, const Prepare& prepare) {
  const auto list = index_.with_boxes();
  const auto at = static_cast<size_t>(item);
  const SampleKey key = slot.keys[at];
  for (size_t tried = 0; tried < list.size(); ++tried) {
    const int32_t image = list[(static_cast<size_t>(key.item) + tried) % list.size()];
    try {
      prepare(image, key.pass);
      slot.image_id[at] = index_.image_id(image);
      return;
    } catch (const Error& e) {
      if (bad_image_ != BadImage::kSkip || e.status() != Status::kData) throw;
      slot.bad[at].emplace_back(e.what());
    }
  }
  Throw(Status::kData, "%s: not one of the %zu training images can be used; the last: %s",
        index_.annotations().c_str(), list.size(), slot.bad[at].back().c_str());
}

void TrainItems::Report(const Slot& slot) {
  for (const auto& messages : slot.bad) {
    skipped_ += static_cast<int64_t>(messages.size());
    for (const std::string& message : messages) report_(message);
  }
}

}  // namespace ssd
