// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "data/coco_index.h"
#include "data/dataset.h"
#include "data/shard_sampler.h"

namespace ssd {

// Told of a bad file that was skipped; the message names it.
using BadImageReport = std::function<void(const std::string& message)>;

// Which image each place of a training batch gets. Item i of batch b is sample position + b * batch
// + i of the rank's ShardSampler. With BadImage::kSkip a bad image is replaced by the next good one
// of the training list, in the same pass: what is in a batch depends on the data alone.
class TrainItems {
 public:
  // Of one batch.
  struct Slot {
    explicit Slot(int64_t batch);
    std::vector<int64_t> image_id;
    std::vector<SampleKey> keys;
    std::vector<std::vector<std::string>> bad;  // messages of each item's replaced images
  };

  TrainItems(const CocoIndex& index, const DataOptions& options, int64_t position,
             BadImageReport report);

  void Open(Slot& slot);  // the next batch
  // prepare(image of the index, pass) until it throws no Status::kData. For different items from
  // any thread.
  using Prepare = std::function<void(int32_t image, uint32_t pass)>;
  void Fill(Slot& slot, int64_t item, const Prepare& prepare);
  // Tells of the bad files of a whole batch, and counts them.
  void Report(const Slot& slot);
  int64_t skipped() const { return skipped_; }

 private:
  const CocoIndex& index_;
  const BadImage bad_image_;
  const BadImageReport report_;
  ShardSampler sampler_;
  int64_t skipped_ = 0;
};

}  // namespace ssd
