// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "data/batch.h"

namespace ssd {

// A made-up batch: noise for images, seven random boxes an image (COCO's mean) for targets. For dry
// runs and benchmarks; the same for the same seed.
class SyntheticBatch {
 public:
  SyntheticBatch(int64_t batch, const ImageFormat& format, uint64_t seed);
  TrainBatch train() const;
  const void* image() const { return image_.data(); }

 private:
  std::vector<std::byte> image_;
  std::vector<int32_t> label_;
  std::vector<float> offset_;
  std::vector<int64_t> image_id_;
};

}  // namespace ssd
