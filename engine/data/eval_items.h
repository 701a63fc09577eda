// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/coco_index.h"
#include "data/dataset.h"
#include "data/shard_sampler.h"
#include "data/train_items.h"

namespace ssd {

// Which image each place of an evaluation batch gets: those of this rank's shard in file order.
// With BadImage::kSkip a bad one keeps its place.
class EvalItems {
 public:
  // Of one batch.
  struct Slot {
    explicit Slot(int64_t batch);
    std::vector<int64_t> image_id;
    std::vector<int32_t> width, height;
    std::vector<std::string> bad;  // of each item; empty = good
  };

  EvalItems(const CocoIndex& index, const DataOptions& options, int64_t batch,
            BadImageReport report);

  int64_t batches() const { return (shard_.size() + batch_ - 1) / batch_; }
  // prepare(image of the index), or nothing() if there is none or it throws Status::kData. For
  // different items from any thread.
  void Fill(Slot& slot, int64_t batch, int64_t item, const std::function<void(int64_t)>& prepare,
            const std::function<void()>& nothing);
  // Tells of the bad files of a whole batch, and counts them. What is given is without images.
  EvalBatch Report(Slot& slot, int64_t batch);
  int64_t skipped() const { return skipped_; }

 private:
  const CocoIndex& index_;
  const BadImage bad_image_;
  const int64_t batch_;
  const BadImageReport report_;
  const Shard shard_;
  int64_t skipped_ = 0;
};

}  // namespace ssd
