// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "data/jpeg.h"

namespace ssd {

// Which decoded images stand where in a block of memory, the host's or a device's: whole images,
// three bytes a pixel. First come, first kept, none leaves (spec section 7); what does not fit is
// decoded again. Thread-safe.
class DecodedCache {
 public:
  // images: of the index that they are counted in. memory: whose bytes are all that is used.
  DecodedCache(int64_t images, std::span<uint8_t> memory);

  // The image, if it was published. Its pixels stay as they are.
  std::optional<PixelView> Find(int64_t image) const;
  // Where the image goes; null if it was asked for before or does not fit. Whoever asked writes
  // [height][width][3] there, then publishes it, or never does.
  uint8_t* Reserve(int64_t image, ImageSize size);
  void Publish(int64_t image);

  size_t used() const;  // bytes

 private:
  struct Entry {
    size_t offset = 0;
    ImageSize size{0, 0};  // 0: not reserved
    bool published = false;
  };

  const std::span<uint8_t> memory_;
  mutable std::mutex mutex_;
  size_t used_ = 0;
  std::vector<Entry> entries_;
};

// A copy of the view's pixels without what lies beside them: [height][width][3].
void CopyRgb(const PixelView& view, uint8_t* out);

}  // namespace ssd
